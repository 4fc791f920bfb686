//! Writes binary Segmentation objects.
