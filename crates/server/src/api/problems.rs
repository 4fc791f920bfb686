//! The error answers that every operation documents.

use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{Ref, RefOr};

/// Problem answer with these words.
fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
        .into()
}

fn all(rows: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    rows.iter().map(|(status, text)| ((*status).to_owned(), problem(text))).collect()
}

const ALWAYS: [(&str, &str); 6] = [
    ("400", "The request cannot be understood"),
    ("401", "No or wrong token"),
    ("413", "The body is larger than any request needs"),
    ("421", "Addressed to a name other than localhost while no token is set"),
    ("500", "Our failure; the log names the cause under the request id"),
    ("503", "Shutting down or out of time"),
];

/// Of operations that list.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all(&ALWAYS)
    }
}

/// Of operations on a named thing.
pub(super) struct NamedProblems;

impl IntoResponses for NamedProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = all(&ALWAYS);
        responses.extend(all(&[("404", "Nothing of that name")]));
        responses
    }
}

/// Of operations that change a named thing.
pub(super) struct ChangeProblems;

impl IntoResponses for ChangeProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = NamedProblems::responses();
        responses.extend(all(&[
            ("403", "The request comes from a page of another site"),
            ("409", "Not in a state that allows this"),
        ]));
        responses
    }
}
