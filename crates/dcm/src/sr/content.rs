//! Content items of SR documents (PS3.3 C.17.3), by value.

use crate::attributes::{Attributes, decimal_string};
use crate::codes::{Code, code_item};
use dicom_dictionary_std::tags;

/// RelationshipType (0040,A010) of an item to the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relationship {
    Contains,
    HasConceptMod,
    HasObsContext,
    HasAcqContext,
    SelectedFrom,
}

impl Relationship {
    fn term(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasConceptMod => "HAS CONCEPT MOD",
            Self::HasObsContext => "HAS OBS CONTEXT",
            Self::HasAcqContext => "HAS ACQ CONTEXT",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

/// One content item with those below it.
#[derive(Debug, Clone)]
pub(super) struct ContentItem {
    attributes: Attributes,
    children: Vec<ContentItem>,
}

/// Image (or segmentation) that an IMAGE item points at.
#[derive(Debug, Clone, Copy)]
pub(super) struct ImageReference<'a> {
    pub(super) sop_class_uid: &'a str,
    pub(super) sop_instance_uid: &'a str,
    /// 1-based, multi-frame instances only.
    pub(super) frame_number: Option<u32>,
    /// 1-based, segmentations only.
    pub(super) segment_number: Option<u16>,
}

/// A number with its unit; `digits` after the point are shown, all of them are kept beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantity {
    pub(super) value: f64,
    pub(super) digits: usize,
    pub(super) unit: Code,
}

impl ContentItem {
    fn new(relationship: Option<Relationship>, value_type: &str, concept: Option<Code>) -> Self {
        let mut attributes = Attributes::new();
        if let Some(relationship) = relationship {
            attributes.text(tags::RELATIONSHIP_TYPE, relationship.term());
        }
        attributes.text(tags::VALUE_TYPE, value_type);
        if let Some(concept) = concept {
            attributes.item(tags::CONCEPT_NAME_CODE_SEQUENCE, concept.item());
        }
        Self { attributes, children: Vec::new() }
    }

    /// CONTAINER below another; `template` names the TID it follows.
    pub(super) fn container(concept: Code, template: Option<&str>) -> Self {
        let mut item = Self::new(Some(Relationship::Contains), "CONTAINER", Some(concept));
        item.attributes.text(tags::CONTINUITY_OF_CONTENT, "SEPARATE");
        if let Some(template) = template {
            item.attributes.item(tags::CONTENT_TEMPLATE_SEQUENCE, template_item(template));
        }
        item
    }

    /// The root CONTAINER.
    pub(super) fn root(concept: Code, template: &str) -> Self {
        let mut item = Self::new(None, "CONTAINER", Some(concept));
        item.attributes
            .text(tags::CONTINUITY_OF_CONTENT, "SEPARATE")
            .item(tags::CONTENT_TEMPLATE_SEQUENCE, template_item(template));
        item
    }

    pub(super) fn code(relationship: Relationship, concept: Code, value: Code) -> Self {
        Self::any_code(relationship, concept, value.value, value.scheme, value.meaning)
    }

    /// CODE with a value that is not in our table.
    pub(super) fn any_code(
        relationship: Relationship,
        concept: Code,
        value: &str,
        scheme: &str,
        meaning: &str,
    ) -> Self {
        let mut item = Self::new(Some(relationship), "CODE", Some(concept));
        item.attributes.item(tags::CONCEPT_CODE_SEQUENCE, code_item(value, scheme, meaning));
        item
    }

    pub(super) fn text(relationship: Relationship, concept: Code, text: &str) -> Self {
        let mut item = Self::new(Some(relationship), "TEXT", Some(concept));
        item.attributes.text(tags::TEXT_VALUE, text);
        item
    }

    pub(super) fn uid(relationship: Relationship, concept: Code, uid: &str) -> Self {
        let mut item = Self::new(Some(relationship), "UIDREF", Some(concept));
        item.attributes.text(tags::UID, uid);
        item
    }

    /// NUM. What is not finite becomes an item without a value and the qualifier "Not a number":
    /// an empty number is refused by readers.
    pub(super) fn number(relationship: Relationship, concept: Code, quantity: Quantity) -> Self {
        let mut item = Self::new(Some(relationship), "NUM", Some(concept));
        if !quantity.value.is_finite() {
            item.attributes.empty(tags::MEASURED_VALUE_SEQUENCE).item(
                tags::NUMERIC_VALUE_QUALIFIER_CODE_SEQUENCE,
                code_item("114000", "DCM", "Not a number"),
            );
            return item;
        }
        let shown = decimal_string(
            format!("{:.*}", quantity.digits, quantity.value).parse().unwrap_or(quantity.value),
        );
        let mut measured = Attributes::new();
        measured
            .item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, quantity.unit.item())
            .text(tags::NUMERIC_VALUE, &shown)
            .f64(tags::FLOATING_POINT_VALUE, quantity.value);
        item.attributes.item(tags::MEASURED_VALUE_SEQUENCE, measured);
        item
    }

    pub(super) fn image(
        relationship: Relationship,
        concept: Option<Code>,
        reference: ImageReference<'_>,
    ) -> Self {
        let mut item = Self::new(Some(relationship), "IMAGE", concept);
        item.attributes.item(tags::REFERENCED_SOP_SEQUENCE, reference.attributes());
        item
    }

    /// SCOORD CIRCLE: centre and radius in pixels, (0, 0) being the top left corner of the image.
    pub(super) fn circle(concept: Code, [column, row]: [f64; 2], radius: f64) -> Self {
        let mut item = Self::new(Some(Relationship::Contains), "SCOORD", Some(concept));
        #[allow(clippy::cast_possible_truncation)] // FL by the standard; a pixel is 1e-4 of what f32 resolves
        let data = [column as f32, row as f32, (column + radius) as f32, row as f32];
        item.attributes.text(tags::GRAPHIC_TYPE, "CIRCLE").f32s(tags::GRAPHIC_DATA, &data);
        item
    }

    pub(super) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The item as a data set; items without children have no ContentSequence (an empty one is an error).
    pub(super) fn into_attributes(self) -> Attributes {
        let mut attributes = self.attributes;
        if !self.children.is_empty() {
            attributes.sequence(
                tags::CONTENT_SEQUENCE,
                self.children.into_iter().map(Self::into_attributes).collect(),
            );
        }
        attributes
    }
}

impl ImageReference<'_> {
    fn attributes(self) -> Attributes {
        let mut a = Attributes::new();
        a.text(tags::REFERENCED_SOP_CLASS_UID, self.sop_class_uid)
            .text(tags::REFERENCED_SOP_INSTANCE_UID, self.sop_instance_uid);
        if let Some(frame) = self.frame_number {
            a.number(tags::REFERENCED_FRAME_NUMBER, frame);
        }
        if let Some(segment) = self.segment_number {
            a.u16s(tags::REFERENCED_SEGMENT_NUMBER, &[segment]);
        }
        a
    }
}

fn template_item(template: &str) -> Attributes {
    let mut item = Attributes::new();
    item.text(tags::MAPPING_RESOURCE, "DCMR").text(tags::TEMPLATE_IDENTIFIER, template);
    item
}
