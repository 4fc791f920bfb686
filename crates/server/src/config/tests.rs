//! Goal: every layer is read, every mistake is named with its place and remedy.

use super::*;
use std::io::Write;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn from_site(text: &str) -> Result<Settings, ConfigError> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    load_from(Some(file.path()), &[])
}

/// The site file `text` is refused and the message holds each of `parts`.
fn check_refused(text: &str, parts: &[&str]) {
    let message = from_site(text).expect_err(text).to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
    assert!(!message.contains('\n'), "{message:?}");
}

#[test]
fn the_embedded_manual_is_a_valid_configuration() {
    let settings = load_from(None, &[]).unwrap();
    assert_eq!(settings.dicom.listen.to_string(), "0.0.0.0:11112");
    assert!(settings.http.listen.ip().is_loopback() && settings.http.token.is_none());
    assert_eq!(settings.storage.database, Database::Sqlite("lungcad-data/lungcad.sqlite".into()));
    assert!(settings.destinations.is_empty() && settings.warnings.is_empty());
}

#[test]
fn the_destination_block_of_the_manual_is_the_one_in_code() {
    let block: String = DEFAULTS
        .lines()
        .skip_while(|l| *l != "# [[destinations]]")
        .take_while(|l| l.starts_with('#'))
        .map(|l| format!("{}\n", l.strip_prefix("# ").unwrap_or_default()))
        .collect();
    let manual = layers::parse(&block.replace("[[destinations]]", ""), "manual").unwrap();
    let code = layers::parse(layers::DESTINATION_DEFAULTS, "code").unwrap();
    let keys = |t: &Table| t.keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&manual), keys(&code));
    for (key, value) in &code {
        if !["name", "address", "ae_title"].contains(&key.as_str()) {
            assert_eq!(manual[key].kind, value.kind, "{key}");
        }
    }
}

#[test]
fn site_file_lies_over_defaults_and_environment_over_both() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "[dicom]\nae_title = \"SITE\"\n[http]\nlisten = \"127.0.0.1:1\"\n[completion]\nquiet_s = 3\n"
    )
    .unwrap();
    let env = variables(&[
        ("LUNGCAD_HTTP__LISTEN", "127.0.0.1:2"),
        ("LUNGCAD_DICOM__CALLING_AE_ALLOWED", "CT1, CT2"),
        ("LUNGCAD_WORKER__COUNT", "3"),
        ("LUNGCAD_REPORT__SEG_ENABLED", "false"),
        ("LUNGCAD_STORAGE__S3__BUCKET", "scans"),
        ("LUNGCAD_STORAGE__S3__ACCESS_KEY_ID", "id"),
        ("LUNGCAD_STORAGE__S3__SECRET_ACCESS_KEY", "hush"),
        ("LUNGCAD_ORT", "/opt/ort.so"),
        ("LUNGCAD_CONFIG", "ignored here"),
    ]);
    let settings = load_from(Some(file.path()), &env).unwrap();
    assert_eq!(settings.dicom.ae_title.as_str(), "SITE");
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.completion.quiet.as_secs(), 3);
    assert_eq!(settings.dicom.calling_ae_allowed.unwrap().len(), 2);
    assert_eq!(settings.worker.count, 3);
    assert!(!settings.report.seg_enabled);
    assert_eq!(settings.storage.s3.unwrap().bucket, "scans");
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_right_one() {
    check_refused(
        "[dicom]\nae_titel = \"X\"",
        &["unknown key dicom.ae_titel", "did you mean dicom.ae_title?"],
    );
    check_refused("[dikom]\nlisten = \"X\"", &["unknown key dikom", "dicom"]);
    check_refused("[http]\nae_title = \"X\"", &["unknown key http.ae_title", "dicom.ae_title"]);
    check_refused("[[destinations]]\nadress = \"h:1\"", &["destinations.adress", "destinations.address"]);
    check_refused("[storage.s3]\nbuckett = \"h\"", &["storage.s3.bucket?"]);
    let error = load_from(None, &variables(&[("LUNGCAD_HTTP__LISTN", "x")])).unwrap_err().to_string();
    assert!(error.contains("LUNGCAD_HTTP__LISTN") && error.contains("http.listen"), "{error}");
    let error = load_from(None, &variables(&[("LUNGCAD_HTTP_LISTEN", "x")])).unwrap_err().to_string();
    assert!(error.contains("LUNGCAD_HTTP_LISTEN") && error.contains("http.listen"), "{error}");
}

#[test]
fn wrong_types_and_values_name_key_and_expectation() {
    check_refused("[worker]\ncount = \"many\"", &["worker.count", "a whole number", "many"]);
    check_refused("[worker]\ncount = 0", &["worker.count", "between 1 and 256"]);
    check_refused("[worker]\ncount = 1.5", &["worker.count", "a whole number"]);
    check_refused("[dicom]\nlisten = 11112", &["dicom.listen", "text"]);
    check_refused("[dicom]\nlisten = \"11112\"", &["dicom.listen", "127.0.0.1:8080"]);
    check_refused("[dicom]\nae_title = \"SEVENTEEN_LETTERS\"", &["dicom.ae_title", "16"]);
    check_refused("[dicom]\ncharset_fallback = \"utf8\"", &["ISO_IR 192"]);
    check_refused("[report]\nseg_enabled = \"perhaps\"", &["report.seg_enabled", "true or false"]);
    check_refused("[models]\npack = \"../x\"", &["models.pack"]);
    check_refused(
        "[analysis]\noperating_point = \"quiet\"\ncalibration_file = \"c.json\"",
        &["analysis.calibration_file", "operating_point"],
    );
    check_refused("[storage.s3]\nbucket = \"b\"", &["storage.s3.access_key_id"]);
    check_refused("[log]\nlevel = \"loud\"", &["log.level", "loud"]);
    check_refused("dicom = 3", &["dicom", "a section"]);
    check_refused("[dicom\n", &["not valid TOML"]);
    check_refused("[completion]\nquiet_s = 20.0", &["completion.quiet_long_s"]);
    let block = "[[destinations]]\nname = \"a\"\nae_title = \"A\"\naddress = \"h:104\"\n";
    check_refused(&format!("{block}{block}"), &["destinations.name", "differ"]);
    check_refused(&format!("{block}objects = [\"pdf\"]"), &["destinations.objects of a", "pdf"]);
}

#[test]
fn listening_wider_than_loopback_needs_a_token() {
    check_refused("[http]\nlisten = \"0.0.0.0:8080\"", &["http.listen", "no token", "http.token_file"]);
    check_refused("[http]\nlisten = \"[::]:8080\"", &["http.listen"]);
    assert!(from_site("[http]\nlisten = \"localhost:8080\"").is_ok());
    assert!(from_site("[http]\nlisten = \"[::1]:8080\"").is_ok());
    let open = from_site("[http]\nlisten = \"0.0.0.0:0\"\ntoken = \"0123456789abcdef\"").unwrap();
    assert!(open.http.token.is_some() && open.warnings.is_empty());
    let short = from_site("[http]\ntoken = \"short\"").unwrap();
    assert_eq!(short.warnings.len(), 1);
}

#[test]
fn secrets_come_from_files_and_never_show() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "hush-0123456789abcdef").unwrap();
    let env = variables(&[
        ("LUNGCAD_HTTP__TOKEN_FILE", file.path().to_str().unwrap()),
        ("LUNGCAD_STORAGE__DATABASE", "postgres://u:hush-pw@db:5432/lungcad?sslmode=require"),
    ]);
    let settings = load_from(None, &env).unwrap();
    assert_eq!(settings.http.token.as_ref().unwrap().expose(), "hush-0123456789abcdef");
    assert!(!format!("{settings:?}").contains("hush"));
    assert_eq!(settings.storage.database.shown(), "PostgreSQL db:5432/lungcad");
    let wrong =
        load_from(None, &variables(&[("LUNGCAD_STORAGE__DATABASE", "mysql://u:hush@h")])).unwrap_err();
    assert!(!wrong.to_string().contains("hush"), "{wrong}");
    check_refused("[http]\ntoken = [\"hush\"]", &["http.token"]);
}

#[test]
fn destinations_come_from_blocks_or_the_environment() {
    let settings =
        from_site("[[destinations]]\nname = \"pacs\"\naddress = \"10.0.0.1:104\"\nae_title = \"PACS\"\nobjects = [\"sr\"]")
            .unwrap();
    let pacs = &settings.destinations[0];
    assert_eq!((pacs.calling_ae_title.as_str(), pacs.objects.len(), pacs.tries_max), ("LUNGCAD", 1, 20));
    let env = variables(&[("LUNGCAD_DESTINATIONS", "a=ORTHANC@127.0.0.1:4242,b=X@[::1]:104")]);
    let settings = load_from(None, &env).unwrap();
    assert_eq!(settings.destinations[1].address, "[::1]:104");
    assert_eq!(settings.destinations[0].ae_title.as_str(), "ORTHANC");
    assert!(load_from(None, &variables(&[("LUNGCAD_DESTINATIONS", "a-b-c")])).is_err());
}
