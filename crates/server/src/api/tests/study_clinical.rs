//! What a site states of a study, over REST.

use super::*;

const PATH: &str = "/api/v1/studies/1.2.3/clinical";

impl Server {
    fn put(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.put(format!("{}{path}", self.base)).json(body)
    }
}

/// Goal: merge, versions, author, and what changes nothing. Method: three changes and a look.
#[tokio::test]
async fn changes_are_merged_and_every_version_is_kept() {
    let server = Server::start(None).await;
    fill(&server.archive).await;
    let empty = server.json(PATH).await;
    assert_eq!(
        (empty["version"].as_i64(), &empty["data"], &empty["history"]),
        (Some(0), &json!({}), &json!([]))
    );
    let first = server.put(&format!("{PATH}?author=dr%20a"), &json!({"age": 68, "emphysema": true}));
    let first: Value = first.send().await.unwrap().json().await.unwrap();
    assert_eq!((&first["version"], &first["data"]), (&json!(1), &json!({"age": 68, "emphysema": true})));
    assert_eq!(
        (&first["history"][0]["author"], &first["history"][0]["origin"]),
        (&json!("dr a"), &json!("rest"))
    );
    let same: Value = server.put(PATH, &json!({"age": 68})).send().await.unwrap().json().await.unwrap();
    assert_eq!(same["version"], 1, "nothing changed");
    let next = server.put(PATH, &json!({"age": null, "nodules": {"2.25.1": {"spiculation": true}}}));
    let next: Value = next.send().await.unwrap().json().await.unwrap();
    assert_eq!(next["data"], json!({"emphysema": true, "nodules": {"2.25.1": {"spiculation": true}}}));
    assert_eq!(next["history"].as_array().unwrap().len(), 2);
    assert_eq!(server.json(PATH).await, next);
    let events = server.json(&format!("/api/v1/series/{DONE}")).await["events"].clone();
    let changes = events.as_array().unwrap().iter().filter(|e| e["kind"] == "clinical_changed");
    assert_eq!(changes.count(), 2);
}

/// Goal: what is wrong is told and changes nothing. Method: one of each mistake.
#[tokio::test]
async fn mistakes_are_problems_and_change_nothing() {
    let server = Server::start(Some(TOKEN)).await;
    fill(&server.archive).await;
    let put = |path: &str, body: Value| server.put(path, &body).bearer_auth(TOKEN);
    check_problem(server.put(PATH, &json!({"age": 60})), 401, "Bearer").await;
    check_problem(put(PATH, json!({"emphysemia": true})), 400, "emphysema").await;
    check_problem(put(PATH, json!({"age": "old"})), 400, "age").await;
    check_problem(put(PATH, json!([1])), 400, "merge patch").await;
    check_problem(put("/api/v1/studies/9.9/clinical", json!({"age": 60})), 404, "9.9").await;
    check_problem(put(&format!("{PATH}?base_version=4"), json!({"age": 60})), 409, "version 0").await;
    check_problem(put(&format!("{PATH}?autor=x"), json!({"age": 60})), 400, "autor").await;
    check_problem(put(&format!("{PATH}?author={}", "x".repeat(65)), json!({"age": 60})), 400, "64").await;
    let foreign = put(PATH, json!({"age": 60})).header("origin", "http://evil.example");
    check_problem(foreign, 403, "another site").await;
    let broken = server.put(PATH, &json!({})).bearer_auth(TOKEN).body("{\"age\": NaN}");
    check_problem(broken, 400, "no JSON").await;
    let shown = server.get(PATH).bearer_auth(TOKEN).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(shown["version"], 0);
}

const AWAITED: &str = "/api/v1/clinical/awaited";

/// Goal: what waits for a study is merged, listed and taken away; mistakes change nothing. Method: each once.
#[tokio::test]
async fn data_waits_for_studies_to_come() {
    let server = Server::start(Some(TOKEN)).await;
    let put = |query: &str, body: Value| server.put(&format!("{AWAITED}?{query}"), &body).bearer_auth(TOKEN);
    let sent = |query: &str, body: Value| {
        let request = put(query, body);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let first = sent("patient_id=P%201&author=dr%20a", json!({"age": 68})).await;
    let expected = json!({"patient_id": "P 1", "accession_number": null, "origin": "rest", "author": "dr a",
        "data": {"age": 68}});
    assert_eq!(first, expected);
    let next = sent("patient_id=P%201&origin=table%20x.csv", json!({"emphysema": true})).await;
    assert_eq!(next["data"], json!({"age": 68, "emphysema": true}));
    sent("accession_number=A1", json!({"risk": "high"})).await;
    let list = async |query: &str| {
        let request = server.get(&format!("{AWAITED}{query}")).bearer_auth(TOKEN);
        request.send().await.unwrap().json::<Value>().await.unwrap()["items"].clone()
    };
    let all = list("").await;
    assert_eq!(
        (all.as_array().unwrap().len(), &all[0]["accession_number"], &all[1]),
        (2, &json!("A1"), &next)
    );
    assert_eq!(list("?patient_id=P%201").await, json!([next]));
    sent("accession_number=A1", json!({"risk": null})).await;
    assert_eq!(list("?accession_number=A1").await, json!([]));
    for (query, body, words) in [
        ("patient_id=P", json!({"emphysemia": true}), "emphysema"),
        ("patient_id=P", json!({"nodules": {"2.25.1": {"spiculation": true}}}), "under its UID"),
        ("patient_id=P&accession_number=A", json!({"age": 60}), "not both"),
        ("patient_id=", json!({"age": 60}), "1 to 64"),
        ("author=x", json!({"age": 60}), "says of whom"),
        ("patient_id=P", json!([1]), "merge patch"),
    ] {
        check_problem(put(query, body), 400, words).await;
    }
    check_problem(server.put(&format!("{AWAITED}?patient_id=P"), &json!({"age": 60})), 401, "Bearer").await;
    assert_eq!(list("").await, json!([next]));
}
