//! One iterative walk over the bytes of a data set: no recursion, no allocation, every length checked
//! against what is really there and against [`Limits`].
//!
//! [`crate::guard`] walks to judge, [`crate::header`] and [`crate::pixels`] walk to read, so nothing is ever
//! read that was not checked on the same pass.

use crate::limits::{Limits, NESTING_CEILING};
use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{VR, dictionary::VirtualVr};
use dicom_dictionary_std::{StandardDataDictionary, tags};

const UNDEFINED: u32 = 0xFFFF_FFFF;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How elements are laid out (PS3.5 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Implicit VR little endian.
    ImplicitLittle,
    /// Explicit VR little endian.
    ExplicitLittle,
    /// Explicit VR big endian (retired).
    ExplicitBig,
}

impl Encoding {
    pub(crate) fn is_big(self) -> bool {
        self == Self::ExplicitBig
    }

    pub(crate) fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_big() { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    pub(crate) fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.is_big() { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    pub(crate) fn tag_at(self, bytes: &[u8], at: usize) -> Option<Tag> {
        Some(Tag(self.u16_at(bytes, at)?, self.u16_at(bytes, at.checked_add(2)?)?))
    }
}

/// What is wrong with the bytes. `offset` counts from the start of the data set (of the inflated data
/// set where it was deflated).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// A declared length reaches past the end of what encloses it.
    #[error(
        "element {tag} at byte {offset} declares more bytes than there are; the object is truncated or damaged"
    )]
    Truncated {
        /// Element concerned.
        tag: Tag,
        /// Where its head stands.
        offset: usize,
    },
    /// A head is cut, or an item or delimiter stands where none may.
    #[error("element at byte {offset} is malformed: {what}")]
    Malformed {
        /// Where.
        offset: usize,
        /// In what way.
        what: &'static str,
    },
    /// Sequences nested deeper than [`Limits::nesting_max`].
    #[error("sequences are nested deeper than {max} levels at byte {offset}")]
    TooDeep {
        /// The limit.
        max: usize,
        /// Where.
        offset: usize,
    },
    /// More elements than [`Limits::elements_count_max`].
    #[error("object holds more than {max} data elements")]
    TooManyElements {
        /// The limit.
        max: usize,
    },
    /// More items than [`Limits::items_count_max`].
    #[error("object holds more than {max} sequence items or fragments")]
    TooManyItems {
        /// The limit.
        max: usize,
    },
}

/// One data element that is not a sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'b> {
    pub(crate) tag: Tag,
    /// Value as sent; for encapsulated pixel data everything from the offset table item on, without the
    /// closing delimiter.
    pub(crate) value: &'b [u8],
    pub(crate) encoding: Encoding,
    /// Undefined length: `value` is a run of fragments.
    pub(crate) encapsulated: bool,
}

/// A sequence (and the item of it) that encloses what is being visited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    pub(crate) tag: Tag,
    /// 0-based item.
    pub(crate) item: usize,
    /// Where the sequence ends, when its length is defined.
    end: Option<usize>,
    /// Where its open item ends, when that is defined.
    item_end: Option<usize>,
    in_item: bool,
    encoding: Encoding,
}

/// Takes what the walk meets, in file order.
pub(crate) trait Visitor<'b> {
    /// `path` holds the enclosing sequences, outermost first; it is empty at the top level.
    fn element(&mut self, path: &[Level], element: &Element<'b>);
    /// A new item of the last sequence of `path`.
    fn item(&mut self, _path: &[Level]) {}
}

/// How much was walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) elements: usize,
    pub(crate) items: usize,
    pub(crate) depth: usize,
}

struct Walk<'b, 'l> {
    bytes: &'b [u8],
    at: usize,
    levels: [Level; NESTING_CEILING],
    depth: usize,
    encoding: Encoding,
    limits: &'l Limits,
    counts: Counts,
}

struct Head {
    tag: Tag,
    vr: Option<[u8; 2]>,
    length: u32,
    value_at: usize,
}

/// Walks all of `bytes`.
pub(crate) fn walk<'b>(
    bytes: &'b [u8],
    encoding: Encoding,
    limits: &Limits,
    visitor: &mut impl Visitor<'b>,
) -> Result<Counts, WalkError> {
    let closed = Level { tag: ITEM, item: 0, end: None, item_end: None, in_item: false, encoding };
    let mut walk = Walk {
        bytes,
        at: 0,
        levels: [closed; NESTING_CEILING],
        depth: 0,
        encoding,
        limits,
        counts: Counts::default(),
    };
    loop {
        walk.close_finished();
        let Some(level) = walk.top() else {
            if walk.at >= bytes.len() {
                return Ok(walk.counts);
            }
            walk.element(visitor)?;
            continue;
        };
        let step = if level.in_item { walk.element(visitor) } else { walk.item(visitor) };
        if let Err(e) = step {
            walk.recover(e)?;
        }
    }
}

impl<'b> Walk<'b, '_> {
    fn top(&self) -> Option<Level> {
        self.levels.get(self.depth.checked_sub(1)?).copied()
    }

    fn path(&self) -> &[Level] {
        self.levels.get(..self.depth).unwrap_or(&[])
    }

    fn with_top(&mut self, change: impl FnOnce(&mut Level)) {
        if let Some(level) = self.depth.checked_sub(1).and_then(|i| self.levels.get_mut(i)) {
            change(level);
        }
    }

    fn current_encoding(&self) -> Encoding {
        self.top().map_or(self.encoding, |l| l.encoding)
    }

    /// First byte that does not belong to the innermost enclosing thing of defined length.
    fn bound(&self) -> usize {
        self.path()
            .iter()
            .rev()
            .find_map(|l| l.item_end.filter(|_| l.in_item).or(l.end))
            .unwrap_or(self.bytes.len())
    }

    /// Leaves every item and sequence of defined length that ends here.
    fn close_finished(&mut self) {
        while let Some(level) = self.top() {
            if level.in_item && level.item_end.is_some_and(|end| self.at >= end) {
                self.close_item();
            } else if !level.in_item && level.end.is_some_and(|end| self.at >= end) {
                self.depth -= 1;
            } else {
                return;
            }
        }
    }

    fn close_item(&mut self) {
        self.with_top(|l| {
            l.in_item = false;
            l.item_end = None;
            l.item += 1;
        });
    }

    /// Nonsense inside a sequence of defined length is skipped as a whole: the rest can still be read.
    /// Limits and lengths that reach outside are not forgiven.
    fn recover(&mut self, error: WalkError) -> Result<(), WalkError> {
        if !matches!(error, WalkError::Malformed { .. } | WalkError::Truncated { .. }) {
            return Err(error);
        }
        while let Some(level) = self.top() {
            self.depth -= 1;
            if let Some(end) = level.end {
                self.at = end;
                return Ok(());
            }
        }
        Err(error)
    }

    fn malformed(&self, what: &'static str) -> WalkError {
        WalkError::Malformed { offset: self.at, what }
    }

    /// The head at `self.at`; the value still has to be checked.
    fn head(&self) -> Result<Head, WalkError> {
        let encoding = self.current_encoding();
        let cut = || self.malformed("its head is cut off");
        let tag = encoding.tag_at(self.bytes, self.at).ok_or_else(cut)?;
        let after_tag = self.at + 4;
        if encoding == Encoding::ImplicitLittle || tag.0 == 0xFFFE {
            let length = encoding.u32_at(self.bytes, after_tag).ok_or_else(cut)?;
            return Ok(Head { tag, vr: None, length, value_at: after_tag + 4 });
        }
        let vr: [u8; 2] =
            self.bytes.get(after_tag..after_tag + 2).and_then(|b| b.try_into().ok()).ok_or_else(cut)?;
        match length_width(vr) {
            Some(4) => {
                let length = encoding.u32_at(self.bytes, after_tag + 4).ok_or_else(cut)?;
                Ok(Head { tag, vr: Some(vr), length, value_at: after_tag + 8 })
            }
            Some(_) => {
                let length = encoding.u16_at(self.bytes, after_tag + 2).ok_or_else(cut)?;
                Ok(Head { tag, vr: Some(vr), length: u32::from(length), value_at: after_tag + 4 })
            }
            None => Err(self.malformed("its VR is none of PS3.5")),
        }
    }

    /// End of a value of defined length, checked against all that encloses it.
    fn value_end(&self, head: &Head) -> Result<usize, WalkError> {
        usize::try_from(head.length)
            .ok()
            .and_then(|length| head.value_at.checked_add(length))
            .filter(|end| *end <= self.bound())
            .ok_or(WalkError::Truncated { tag: head.tag, offset: self.at })
    }

    fn count_element(&mut self) -> Result<(), WalkError> {
        self.counts.elements += 1;
        let max = self.limits.elements_count_max;
        if self.counts.elements > max { Err(WalkError::TooManyElements { max }) } else { Ok(()) }
    }

    fn count_item(&mut self) -> Result<(), WalkError> {
        self.counts.items += 1;
        let max = self.limits.items_count_max;
        if self.counts.items > max { Err(WalkError::TooManyItems { max }) } else { Ok(()) }
    }

    /// One element at the top level or inside an item; may open a sequence.
    fn element(&mut self, visitor: &mut impl Visitor<'b>) -> Result<(), WalkError> {
        let head = self.head()?;
        self.count_element()?;
        if head.tag == ITEM_END {
            return self.item_delimiter(&head);
        }
        if head.tag.0 == 0xFFFE {
            // Stray sequence delimiters (and nothing else) occur at the top level of real files.
            if self.depth == 0 && head.tag == SEQUENCE_END && head.length == 0 {
                self.at = head.value_at;
                return Ok(());
            }
            return Err(self.malformed("an item stands where an element belongs"));
        }
        if head.length == UNDEFINED {
            return self.undefined(&head, visitor);
        }
        let end = self.value_end(&head)?;
        if is_sequence(&head, self.bytes) {
            self.at = head.value_at;
            let encoding = self.current_encoding();
            return self.open(head.tag, Some(end), encoding);
        }
        let value = self.bytes.get(head.value_at..end).unwrap_or(&[]);
        let encoding = self.current_encoding();
        visitor.element(self.path(), &Element { tag: head.tag, value, encoding, encapsulated: false });
        self.at = end;
        Ok(())
    }

    fn item_delimiter(&mut self, head: &Head) -> Result<(), WalkError> {
        if head.length != 0 {
            return Err(self.malformed("an item delimiter has a length"));
        }
        match self.top() {
            Some(level) if level.item_end.is_none() => self.close_item(),
            // A delimiter too many inside an item of defined length, or at the top level, is harmless.
            _ => {}
        }
        self.at = head.value_at;
        Ok(())
    }

    fn undefined(&mut self, head: &Head, visitor: &mut impl Visitor<'b>) -> Result<(), WalkError> {
        let encoding = self.current_encoding();
        match head.vr {
            Some([b'S', b'Q']) => {
                self.at = head.value_at;
                self.open(head.tag, None, encoding)
            }
            // PS3.5 6.2.2: the content of UN with undefined length is implicit VR little endian; some
            // writers keep the outer encoding, which the VR letters behind the first item give away.
            Some([b'U', b'N']) => {
                self.at = head.value_at;
                let vr = self.bytes.get(self.at + 12..self.at + 14).and_then(|b| b.try_into().ok());
                let explicit = vr.and_then(length_width).is_some();
                self.open(head.tag, None, if explicit { encoding } else { Encoding::ImplicitLittle })
            }
            None if head.tag != tags::PIXEL_DATA => {
                self.at = head.value_at;
                self.open(head.tag, None, encoding)
            }
            None | Some([b'O', b'B' | b'W']) => self.fragments(head, visitor),
            Some(_) => Err(self.malformed("a value of undefined length is neither sequence nor pixel data")),
        }
    }

    /// Encapsulated pixel data (PS3.5 A.4): items of defined length up to the delimiter.
    fn fragments(&mut self, head: &Head, visitor: &mut impl Visitor<'b>) -> Result<(), WalkError> {
        let encoding = self.current_encoding();
        let bound = self.bound();
        let mut at = head.value_at;
        loop {
            // Some writers forget the last delimiter: the object ends cleanly behind a fragment.
            if at == self.bytes.len() && self.depth == 0 {
                let value = self.bytes.get(head.value_at..).unwrap_or(&[]);
                visitor.element(self.path(), &Element { tag: head.tag, value, encoding, encapsulated: true });
                self.at = at;
                return Ok(());
            }
            let cut = WalkError::Truncated { tag: head.tag, offset: self.at };
            let tag = encoding.tag_at(self.bytes, at).ok_or(cut.clone())?;
            let length = encoding.u32_at(self.bytes, at + 4).ok_or(cut.clone())?;
            if tag == SEQUENCE_END {
                let value = self.bytes.get(head.value_at..at).unwrap_or(&[]);
                visitor.element(self.path(), &Element { tag: head.tag, value, encoding, encapsulated: true });
                self.at = at + 8;
                return Ok(());
            }
            if tag != ITEM {
                return Err(WalkError::Malformed { offset: at, what: "not a pixel data fragment" });
            }
            self.count_item()?;
            at = usize::try_from(length)
                .ok()
                .and_then(|length| (at + 8).checked_add(length))
                .filter(|end| length != UNDEFINED && *end <= bound)
                .ok_or(cut)?;
        }
    }

    fn open(&mut self, tag: Tag, end: Option<usize>, encoding: Encoding) -> Result<(), WalkError> {
        let max = self.limits.nesting_max.min(NESTING_CEILING);
        if self.depth >= max {
            return Err(WalkError::TooDeep { max, offset: self.at });
        }
        if let Some(slot) = self.levels.get_mut(self.depth) {
            *slot = Level { tag, item: 0, end, item_end: None, in_item: false, encoding };
        }
        self.depth += 1;
        self.counts.depth = self.counts.depth.max(self.depth);
        Ok(())
    }

    /// The next item of the innermost sequence, or its delimiter.
    fn item(&mut self, visitor: &mut impl Visitor<'b>) -> Result<(), WalkError> {
        let encoding = self.current_encoding();
        let cut = self.malformed("a sequence is cut off");
        let tag = encoding.tag_at(self.bytes, self.at).ok_or(cut.clone())?;
        let length = encoding.u32_at(self.bytes, self.at + 4).ok_or(cut)?;
        let head = Head { tag, vr: None, length, value_at: self.at + 8 };
        if tag == SEQUENCE_END {
            if self.top().is_some_and(|l| l.end.is_none()) {
                self.depth -= 1;
            }
            self.at = head.value_at;
            return Ok(());
        }
        if tag != ITEM {
            return Err(self.malformed("not a sequence item"));
        }
        self.count_item()?;
        let item_end = if length == UNDEFINED { None } else { Some(self.value_end(&head)?) };
        self.at = head.value_at;
        self.with_top(|l| {
            l.in_item = true;
            l.item_end = item_end;
        });
        visitor.item(self.path());
        Ok(())
    }
}

/// Width of the length field by VR (PS3.5 7.1.2), `None` for anything that is not a VR.
fn length_width(vr: [u8; 2]) -> Option<u8> {
    match &vr {
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT"
        | b"UV" => Some(4),
        b"AE" | b"AS" | b"AT" | b"CS" | b"DA" | b"DS" | b"DT" | b"FL" | b"FD" | b"IS" | b"LO" | b"LT"
        | b"PN" | b"SH" | b"SL" | b"SS" | b"ST" | b"TM" | b"UI" | b"UL" | b"US" => Some(2),
        _ => None,
    }
}

/// Is this element of defined length a sequence? Explicit VR says so; in implicit VR the dictionary is
/// asked, and only where the value begins like an item.
fn is_sequence(head: &Head, bytes: &[u8]) -> bool {
    match head.vr {
        Some(vr) => vr == *b"SQ",
        None => {
            head.length >= 8
                && Encoding::ImplicitLittle.tag_at(bytes, head.value_at) == Some(ITEM)
                && StandardDataDictionary
                    .by_tag(head.tag)
                    .is_some_and(|entry| entry.vr() == VirtualVr::Exact(VR::SQ))
        }
    }
}
