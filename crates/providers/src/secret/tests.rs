//! Secrets come from places, and are shown nowhere.

use super::{Secret, SecretError, SecretSource};

#[test]
fn a_secret_is_never_printed() {
    let secret = Secret::new("sk-canary");
    assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "*** Some(\n    ***,\n)");
    assert_eq!(secret.expose(), "sk-canary");
}

#[test]
fn only_places_are_taken_and_a_key_by_mistake_is_not_repeated() {
    assert_eq!(SecretSource::parse("env::A"), Ok(SecretSource::Env("A".into())));
    assert_eq!(SecretSource::parse("file::/run/key"), Ok(SecretSource::File("/run/key".into())));
    for text in ["sk-canary", "env::", "file::", "env:A", "vault::a", ""] {
        let error = SecretSource::parse(text).unwrap_err();
        assert_eq!(error, SecretError::NotALocation);
        assert!(!error.to_string().contains("canary"));
    }
}

#[test]
fn a_file_is_read_without_its_line_break() {
    let path = std::env::temp_dir().join(format!("tollgate-secret-{}", std::process::id()));
    let source = SecretSource::File(path.to_string_lossy().into_owned());
    std::fs::write(&path, "sk-canary\n").unwrap();
    assert_eq!(source.resolve().unwrap().expose(), "sk-canary");
    std::fs::write(&path, " \n").unwrap();
    assert!(matches!(source.resolve(), Err(SecretError::Unreadable { .. })));
    std::fs::remove_file(&path).unwrap();
    let error = source.resolve().unwrap_err();
    assert!(
        matches!(&error, SecretError::Unreadable { path: told, .. } if *told == path.to_string_lossy())
    );
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let source = SecretSource::parse("env::TOLLGATE_TEST_UNSET_VARIABLE").unwrap();
    let error = source.resolve().unwrap_err();
    assert_eq!(error.to_string(), "environment variable TOLLGATE_TEST_UNSET_VARIABLE is not set");
    assert_eq!(source.to_string(), "env::TOLLGATE_TEST_UNSET_VARIABLE");
}
