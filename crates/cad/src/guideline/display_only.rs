//! Rule sets that are shown as text and never evaluated: their figures were not seen in a source, or they
//! leave too much open.

/// A set of rules as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisplaySet {
    /// Short id.
    pub id: &'static str,
    /// Name.
    pub title: &'static str,
    /// What was and was not seen in a source.
    pub standing: &'static str,
    /// Rows: id and text.
    pub rows: &'static [(&'static str, &'static str)],
}

/// Every such set.
#[rustfmt::skip]
pub static DISPLAY_ONLY: &[DisplaySet] = &[
    DisplaySet { id: "i_elcap", title: "I-ELCAP, protocol after 2011", standing: "unconfirmed as a whole", rows: &[
        ("IEL-B1", "baseline, largest solid nodule or solid part under 6.0 mm: next yearly round"),
        ("IEL-B2", "baseline, 6.0-14.9 mm: CT at 3 months"),
        ("IEL-B3", "baseline, 15.0 mm or more: PET, biopsy, or CT 1 month after antibiotics"),
        ("IEL-B4", "baseline, ground-glass of any size: next yearly round"),
        ("IEL-A1", "new or growing at a repeat round, under 3.0 mm: next yearly round"),
        ("IEL-A2", "new or growing, 3.0-5.9 mm: CT at 6 months"),
        ("IEL-A3", "new or growing, 6.0 mm or more: CT 1 month after antibiotics, PET or biopsy"),
    ] },
    DisplaySet { id: "cn_2018_consensus", title: "Chinese expert consensus 2018 (Chin J Tuberc Respir Dis 2018;41:763)", standing: "unconfirmed", rows: &[
        ("CN18-S", "solid 8 mm or less without risk factor: 4 mm or less optional; 4-6 mm 12 months; 6-8 mm 6-12, then 18-24 months"),
        ("CN18-SR", "solid 8 mm or less with risk factor: 4 mm or less 12 months; 4-6 mm 6-12, then 18-24; 6-8 mm 3-6, 9-12 and 24 months"),
        ("CN18-G", "ground-glass 5 mm or less: 6 months, then yearly; over 5 mm: 3 months, then yearly"),
        ("CN18-P", "part-solid 8 mm or less: 3, 6, 12, 24 months; over 8 mm: 3 months, then biopsy or surgery"),
    ] },
    DisplaySet { id: "lusi", title: "LUSI (Becker N et al. 2020)", standing: "one secondary source", rows: &[
        ("LUSI-1", "under 5 mm: routine; 5-7 mm: recall at 6 months; 8-10 mm: recall at 3 months; over 10 mm: at once"),
        ("LUSI-2", "on recall: doubling time over 600 days routine; 400-600 days 6 months; 400 days or less, or over 10 mm, at once"),
    ] },
    DisplaySet { id: "jscts_6", title: "Japanese Society of CT Screening, 6th edition 2024", standing: "one secondary source", rows: &[
        ("JSCTS-P", "part-solid 15 mm or less: work-up when the solid part is 8 mm or more; otherwise CT at 3, 6, 12, 24, 36, 48, 60 months"),
    ] },
    DisplaySet { id: "accp_2013", title: "ACCP 2013 (Chest 2013;143:e93S)", standing: "limits only", rows: &[
        ("ACCP-L", "solid over 8 mm: by probability under 5 %, 5-65 %, over 65 %; 8 mm or less: by size and risk"),
    ] },
];
