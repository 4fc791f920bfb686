//! Golden PDUs and commands.
