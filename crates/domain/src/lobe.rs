//! Lobes of the lungs.

use crate::Side;
use serde::{Deserialize, Serialize};

/// A lobe of the lungs. The lingula belongs to the left upper lobe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Lobe {
    /// Right upper lobe.
    Rul,
    /// Right middle lobe.
    Rml,
    /// Right lower lobe.
    Rll,
    /// Left upper lobe.
    Lul,
    /// Left lower lobe.
    Lll,
}

impl Lobe {
    /// All five, right before left, from above.
    pub const ALL: [Self; 5] = [Self::Rul, Self::Rml, Self::Rll, Self::Lul, Self::Lll];

    /// Which lung.
    #[must_use]
    pub fn side(self) -> Side {
        match self {
            Self::Rul | Self::Rml | Self::Rll => Side::Right,
            Self::Lul | Self::Lll => Side::Left,
        }
    }

    /// Usual abbreviation, upper case: the word in JSON and CSV.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rul => "RUL",
            Self::Rml => "RML",
            Self::Rll => "RLL",
            Self::Lul => "LUL",
            Self::Lll => "LLL",
        }
    }

    /// In words, for a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rul => "right upper lobe",
            Self::Rml => "right middle lobe",
            Self::Rll => "right lower lobe",
            Self::Lul => "left upper lobe",
            Self::Lll => "left lower lobe",
        }
    }

    /// Whether it counts as upper lobe in risk models: the middle lobe does not.
    #[must_use]
    pub fn is_upper(self) -> bool {
        matches!(self, Self::Rul | Self::Lul)
    }
}

/// In which lobe a place lies, by the fissures that were found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LobePlace {
    /// The lobe.
    pub lobe: Lobe,
    /// Distance to the nearest fissure behind which another lobe begins, mm.
    pub fissure_mm: f64,
    /// Whether that is further than the fissure is usually misplaced; else it may as well be the neighbouring lobe.
    pub sure: bool,
}
