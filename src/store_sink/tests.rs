//! Resources: whose rows they are of, and how many are remembered.

use tollgate_telemetry::Text;

use super::*;

fn project(number: usize) -> Value {
    Value::Str(Text::Owned(format!("project {number}")))
}

#[test]
fn a_projects_rows_share_its_resource_and_nobody_elses() {
    let mut resources = Resources::new("gateway");
    let (one, two) = (project(1), project(2));
    let first = resources.of(Some(&one));
    assert!(Arc::ptr_eq(&first, &resources.of(Some(&one))));
    assert_eq!(first.last(), Some(&(PROJECT_ID.into(), "project 1".to_owned())));
    assert_eq!(resources.of(Some(&two)).last().unwrap().1, "project 2");
    let own = resources.of(None);
    assert_eq!(own[..], first[..2], "what all have in common");
    assert_eq!(own.len(), 2, "and no project");
}

#[test]
fn as_many_projects_as_the_limit_are_remembered_and_with_one_more_it_starts_over() {
    let mut resources = Resources::new("gateway");
    let first = resources.of(Some(&project(0)));
    for number in 1..PROJECTS_MAX {
        resources.of(Some(&project(number)));
    }
    assert!(Arc::ptr_eq(&first, &resources.of(Some(&project(0)))));
    resources.of(Some(&project(PROJECTS_MAX)));
    assert_eq!(resources.of_projects.len(), 1);
    let again = resources.of(Some(&project(0)));
    assert!(!Arc::ptr_eq(&first, &again));
    assert_eq!(first, again, "made anew, and the same");
}
