//! Both databases have the same tables and columns, and every column is explained.

use crate::support::{Stand, on_postgres, on_sqlite};
use sqlx::Row;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

async fn sqlite_columns(stand: Stand) -> BTreeSet<String> {
    let pool = sqlx::SqlitePool::connect(&stand.settings.database).await.unwrap();
    let sql = "SELECT m.name || '.' || c.name || ' ' || lower(c.type) || ' ' || \
               CASE WHEN c.\"notnull\" = 1 THEN 'not null' ELSE 'null' END \
               FROM sqlite_master m JOIN pragma_table_info(m.name) c \
               WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '!_%' ESCAPE '!'";
    let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn postgres_columns(stand: Stand) -> BTreeSet<String> {
    let pool = sqlx::PgPool::connect(&stand.settings.database).await.unwrap();
    let sql = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || \
               CASE WHEN is_nullable = 'NO' THEN 'not null' ELSE 'null' END \
               FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '!_%' ESCAPE '!'";
    let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
    let columns = rows.iter().map(|row| row.get(0)).collect();
    pool.close().await;
    columns
}

/// Goal: the migrations of both sides agree. Method: ask each database for its columns.
#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(BTreeSet::new())));
    let place = Arc::clone(&one);
    on_sqlite(|stand| async move { *place.lock().unwrap() = sqlite_columns(stand).await }).await;
    let place = Arc::clone(&two);
    on_postgres(|stand| async move { *place.lock().unwrap() = postgres_columns(stand).await }).await;
    let (one, two) = (one.lock().unwrap(), two.lock().unwrap());
    assert!(one.len() > 80 && one.contains("job.lease_until bigint null"), "{one:?}");
    if !two.is_empty() {
        assert_eq!(*one, *two);
    }
}

/// Goal: same file names on both sides, every column commented (rules in migrations/README.md).
#[test]
fn migrations_are_paired_and_commented() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let names = |side: &str| -> BTreeSet<String> {
        let files = std::fs::read_dir(folder.join(side)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    for side in ["sqlite", "postgres"] {
        for name in names(side) {
            let text = std::fs::read_to_string(folder.join(side).join(&name)).unwrap();
            for line in text.lines().filter(|l| l.starts_with("    ") && !l.contains("PRIMARY KEY (")) {
                assert!(line.contains("-- "), "{side}/{name}: no comment on {line:?}");
            }
        }
    }
}

crate::support::on_both! {
    /// Goal: one identity for all processes, whoever asks first. Method: two archives, two proposals.
    async fn the_installation_has_one_id(stand) {
        assert_eq!(stand.archive.installation_id("one").await.unwrap(), "one");
        let other = stand.another("other").await;
        assert_eq!(other.installation_id("two").await.unwrap(), "one");
        other.close().await;
    }
}
