//! The OpenAPI 3.1 document, made from the handlers, with the findings schema that `findings.json` has too.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// JSON Schema 2020-12 of [`domain::FindingsDocument`].
pub(crate) const FINDINGS_SCHEMA: &str = include_str!("../../../docs/findings.schema.json");

/// Head of the document; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "lungcad",
        description = "Lung nodule CAD: states, reasons, findings, objects, jobs and deliveries. Second reader for \
                       research use only; not a diagnosis. Errors are problem documents (RFC 9457) that carry the \
                       request id of the log."
    ),
    tags(
        (name = "studies", description = "Studies that arrived"),
        (name = "series", description = "Where a series stands, why, and what was found"),
        (name = "jobs", description = "Work that waits, runs or was given up"),
        (name = "deliveries", description = "Results on their way to destinations"),
        (name = "operation", description = "Health, readiness, counts and metrics")
    ),
    modifiers(&Bearer)
)]
pub(crate) struct Head;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Token of http.token; not asked where none is configured"))
            .build();
        openapi.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// Stands in handlers' signatures for the document whose schema is in a file of its own.
pub(crate) struct FindingsDocument;

impl utoipa::PartialSchema for FindingsDocument {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new().into()
    }
}

impl utoipa::ToSchema for FindingsDocument {
    fn name() -> std::borrow::Cow<'static, str> {
        "FindingsDocument".into()
    }
}

/// The document as served: `api` with the findings schema and its parts under components.
pub(crate) fn document(api: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(api).unwrap_or_default();
    let Ok(Value::Object(mut schema)) = serde_json::from_str::<Value>(FINDINGS_SCHEMA) else { return document };
    let parts = match schema.remove("$defs") {
        Some(Value::Object(parts)) => parts,
        _ => Map::new(),
    };
    // The identity of the file would change the base of the references below it.
    schema.remove("$id");
    schema.remove("$schema");
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return document;
    };
    schemas.insert("FindingsDocument".to_owned(), moved(Value::Object(schema)));
    for (name, part) in parts {
        schemas.insert(format!("Findings{name}"), moved(part));
    }
    document
}

/// `#/$defs/X` becomes `#/components/schemas/FindingsX`.
fn moved(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(key, value): (String, Value)| match (key.as_str(), value.as_str()) {
                ("$ref", Some(target)) => {
                    let target = target.replace("#/$defs/", "#/components/schemas/Findings");
                    (key, json!(target))
                }
                _ => (key, moved(value)),
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(moved).collect()),
        other => other,
    }
}
