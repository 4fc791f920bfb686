//! The clinical rules over REST: the same vectors as through the library and the command line.

use super::*;
use crate::cli::clinical::tests::{check, request, vectors};

const PATH: &str = "/api/v1/clinical/evaluate";

async fn ask(server: &Server, path: &str, requests: &[Value]) -> Vec<Value> {
    let answer = server.post(path).json(&requests).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

/// Goal: REST is the same door as the library. Method: every vector and case, in lists of 100.
#[tokio::test]
async fn every_vector_passes_through_rest() {
    let server = Server::start(None).await;
    let vectors = vectors();
    for part in vectors.chunks(100) {
        let requests: Vec<Value> = part.iter().map(request).collect();
        let answers = ask(&server, &format!("{PATH}?unconfirmed=true"), &requests).await;
        assert_eq!(answers.len(), part.len());
        part.iter().zip(&answers).for_each(|(vector, answer)| check(vector, answer));
    }
    let off = ask(&server, PATH, &[json!({"model": "brock1b", "inputs": {}})]).await;
    assert_eq!(off[0]["status"], "not_applicable");
}

/// Goal: what is no list is a problem document that names the cause. Method: each kind.
#[tokio::test]
async fn what_is_no_list_is_a_problem() {
    let server = Server::start(None).await;
    for (body, part) in [
        ("", "no JSON"),
        ("{}", "a list of requests"),
        (r#"[{"model": "va", "inputs": {"age": NaN}}]"#, "age: "),
        ("[{\"model\": \"va\",\n \"inputs\": {\"age\": 1e999}}]", "age: "),
    ] {
        check_problem(server.post(PATH).body(body), 400, part).await;
    }
    check_problem(server.post(&format!("{PATH}?unconfirmd=true")).body("[]"), 400, "unconfirmd").await;
    let many = format!("[{}1]", "1,".repeat(10_000));
    check_problem(server.post(PATH).body(many), 400, "at most 10000").await;
    let foreign = server.post(PATH).header("origin", "http://evil.example").body("[]");
    check_problem(foreign, 403, "another site").await;
    let wrong = ask(&server, PATH, &[json!(1), json!({"model": "mayoo"})]).await;
    assert_eq!(wrong[0]["status"], "error");
    assert!(wrong[1]["reason"].as_str().unwrap().contains("\"mayo\""), "{}", wrong[1]);
}

/// Goal: the list is there, and behind the token. Method: with and without.
#[tokio::test]
async fn rules_are_listed_behind_the_token() {
    let server = Server::start(Some(TOKEN)).await;
    check_problem(server.get("/api/v1/clinical/rules"), 401, "Bearer").await;
    check_problem(server.post(PATH).body("[]"), 401, "Bearer").await;
    let answer = server.get("/api/v1/clinical/rules").bearer_auth(TOKEN).send().await.unwrap();
    let rules: Vec<Value> = answer.json().await.unwrap();
    assert!(rules.iter().any(|rule| rule["model"] == "brock2b" && rule["standing"] == "confirmed"));
    assert!(rules.iter().any(|rule| rule["model"] == "brock1b" && rule["standing"] == "off"));
}
