//! Coded concepts: one table, value, scheme and meaning.
