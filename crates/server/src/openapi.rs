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
        (name = "clinical", description = "Risk models, guidelines, measures and eligibility rules; not a diagnosis"),
        (name = "operation", description = "Health, readiness, counts and metrics")
    ),
    components(schemas(crate::api::Problem)),
    security(("bearer" = []), ()),
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
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
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
    let mut document = unwrapped(serde_json::to_value(api).unwrap_or_default());
    let Ok(Value::Object(mut schema)) = serde_json::from_str::<Value>(FINDINGS_SCHEMA) else {
        return document;
    };
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

/// A described member of inlined type comes as `allOf` of that type and of an *object* that holds the description,
/// which nothing fulfils: it becomes the type with the description.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            if let Some([inlined, words]) = members.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
                && let (Some(inlined), Some(words)) = (inlined.as_object(), words.as_object())
                && words.len() == 2
                && words.get("type") == Some(&json!("object"))
                && let Some(description) = words.get("description")
            {
                let mut plain = inlined.clone();
                plain.insert("description".to_owned(), description.clone());
                members = plain;
            }
            Value::Object(members.into_iter().map(|(key, value)| (key, unwrapped(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(unwrapped).collect()),
        other => other,
    }
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::{FindingsDocument, SeriesDocument, SeriesInstanceUid, SeriesState, SkipReason};

    /// `document` is valid, and every member of it is described.
    pub(crate) fn check_findings(document: &Value) {
        let schema: Value = serde_json::from_str(FINDINGS_SCHEMA).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        check_described(document, &schema, &schema);
    }

    fn check_described(value: &Value, schema: &Value, root: &Value) {
        let schema = schema.get("oneOf").map_or(schema, |choices| &choices[0]);
        let schema = match schema.get("$ref").and_then(Value::as_str) {
            Some(target) => root.pointer(target.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let described = schema.pointer(&format!("/properties/{name}"));
                    check_described(
                        member,
                        described.unwrap_or_else(|| panic!("{name} is not described")),
                        root,
                    );
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| check_described(item, &schema["items"], root))
            }
            _ => {}
        }
    }

    fn check_invalid(change: impl Fn(&mut Value)) {
        let reason = SkipReason::Localizer;
        let document = FindingsDocument::new("0.1.0", vec![SeriesDocument::skipped("1.2", "1.2.3", &reason)]);
        let mut document = serde_json::to_value(document).unwrap();
        check_findings(&document);
        change(&mut document);
        let schema: Value = serde_json::from_str(FINDINGS_SCHEMA).unwrap();
        assert!(!jsonschema::draft202012::is_valid(&schema, &document), "{document}");
    }

    #[test]
    fn every_state_and_reason_is_valid_and_mistakes_are_not() {
        let better = SkipReason::BetterReconstruction {
            better_series_instance_uid: SeriesInstanceUid::new("1.2.4").unwrap(),
            why: "thinner".to_owned(),
        };
        let mut series = vec![SeriesDocument::skipped("1.2", "1.2.3", &better)];
        series.extend(SeriesState::ALL.map(|s| SeriesDocument::without_result("1.2", "1.2.3", s, None)));
        check_findings(&serde_json::to_value(FindingsDocument::new("0.1.0", series)).unwrap());
        check_invalid(|d| d["schema"] = json!("lungcad-findings/5"));
        check_invalid(|d| d["series"][0]["state"] = json!("asleep"));
        check_invalid(|d| d["series"][0]["series_instance_uid"] = json!("a.b"));
        check_invalid(|d| d["series"][0]["reason"] = json!("LOCALIZER"));
        check_invalid(|d| d["series"][0]["nodules"] = json!([{}]));
    }

    /// Run with LUNGCAD_UPDATE_SNAPSHOTS=1 to accept a change on purpose.
    #[test]
    fn the_document_in_docs_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&crate::api::openapi_document()).unwrap());
        if std::env::var_os("LUNGCAD_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stored == text, "docs/openapi.json is old; run this test with LUNGCAD_UPDATE_SNAPSHOTS=1");
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document = crate::api::openapi_document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        fn walk(value: &Value, root: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                        assert!(
                            root.pointer(target.trim_start_matches('#')).is_some(),
                            "{target} leads nowhere"
                        );
                    }
                    members.values().for_each(|v| walk(v, root));
                }
                Value::Array(items) => items.iter().for_each(|v| walk(v, root)),
                _ => {}
            }
        }
        walk(&document, &document);
        let answer = &document["paths"]["/api/v1/series/{uid}/findings"]["get"]["responses"]["200"];
        assert_eq!(
            answer["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/FindingsDocument"
        );
    }
}
