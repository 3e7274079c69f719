//! Registrations through their life.

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text.split_whitespace()).unwrap()
}

fn declared(scopes_text: &str, digest: &str) -> Declared {
    Declared {
        scopes: scopes(scopes_text),
        digest: digest.to_owned(),
        addresses: "https://sdm.example.com/".to_owned(),
    }
}

fn root() -> PersonId {
    PersonId::parse("root").unwrap()
}

fn consent(shown: &str, agreed: &str) -> Consent {
    Consent {
        by: root(),
        at: NOW,
        shown: shown.to_owned(),
        scopes: scopes(agreed),
        ticked: scopes(agreed),
    }
}

fn active(text: &str) -> Registration {
    let (waiting, _) = Registration::ask(declared(text, "d1"), NOW, 0).unwrap();
    waiting.approve(consent("d1", text)).unwrap().0
}

#[test]
fn a_registration_waits_for_an_administrator_who_may_agree_to_less() {
    let (waiting, effects) = Registration::ask(declared("goals:write graph:read", "d1"), NOW, 0).unwrap();
    assert_eq!(
        (waiting.state, waiting.approved()),
        (AddonState::Pending, ScopeSet::EMPTY)
    );
    assert_eq!(effects, [Effect::TellAdministrators("d1".to_owned())]);
    let (active, effects) = waiting.approve(consent("d1", "graph:read")).unwrap();
    assert_eq!(
        (active.state, active.approved()),
        (AddonState::Active, scopes("graph:read"))
    );
    assert_eq!(effects, [Effect::Install("https://sdm.example.com/".to_owned())]);
}

#[test]
fn what_was_shown_is_what_is_agreed_to() {
    let waiting = || {
        Registration::ask(declared("goals:delete graph:read", "d1"), NOW, 0)
            .unwrap()
            .0
    };
    assert_eq!(
        waiting().approve(consent("d0", "graph:read")),
        Err(Unchanged::ShownOther)
    );
    let more = waiting().approve(consent("d1", "graph:read admin:read"));
    assert_eq!(more, Err(Unchanged::NotAsked(scopes("admin:read"))));
    let mut unticked = consent("d1", "goals:delete graph:read");
    unticked.ticked = ScopeSet::EMPTY;
    assert_eq!(
        waiting().approve(unticked),
        Err(Unchanged::NotTicked(scopes("goals:delete")))
    );
    let (changed, _) = waiting().declare(declared("admin:read", "d2")).unwrap();
    assert_eq!(
        changed.approve(consent("d1", "graph:read")),
        Err(Unchanged::ShownOther)
    );
}

#[test]
fn a_key_that_carries_the_scopes_makes_it_instant_and_more_waits() {
    let with_key = |text: &str, allowed: &str| {
        Registration::with_key(declared(text, "d1"), scopes(allowed), root(), NOW, 0).unwrap()
    };
    let (within, effects) = with_key("goals:read graph:read", "goals:write graph:read");
    assert_eq!(
        (within.state, within.approved(), effects),
        (AddonState::Active, scopes("goals:read graph:read"), vec![])
    );
    let (beyond, effects) = with_key("graph:read repo:write", "graph:read");
    assert_eq!(
        (beyond.state, beyond.approved(), beyond.asked()),
        (AddonState::Active, scopes("graph:read"), scopes("repo:write"))
    );
    assert_eq!(effects.len(), 1);
    let (nothing, _) = with_key("repo:write", "graph:read");
    assert_eq!(nothing.state, AddonState::Pending);
    assert_eq!(
        with_key("", "graph:read").0.state,
        AddonState::Active,
        "it asks for nothing"
    );
}

#[test]
fn f4_an_escalation_waits_while_the_old_scopes_work_and_asks_once() {
    let (asking, effects) = active("graph:read")
        .declare(declared("graph:read goals:write", "d2"))
        .unwrap();
    assert_eq!(
        (asking.state, asking.approved(), asking.asked()),
        (AddonState::Active, scopes("graph:read"), scopes("goals:write"))
    );
    assert_eq!(effects, [Effect::TellAdministrators("d2".to_owned())]);
    let (again, effects) = asking.declare(declared("graph:read goals:write", "d2")).unwrap();
    assert_eq!(effects, []);
    let (rejected, _) = again.clone().reject(NOW).unwrap();
    assert_eq!(
        (rejected.state, rejected.asked()),
        (AddonState::Active, ScopeSet::EMPTY)
    );
    let (silent, effects) = rejected
        .declare(declared("graph:read goals:write", "d2"))
        .unwrap();
    assert_eq!((effects, silent.asked()), (vec![], ScopeSet::EMPTY));
    let (approved, effects) = again.approve(consent("d2", "graph:read goals:write")).unwrap();
    assert_eq!(
        (approved.approved(), approved.approval.unwrap().version),
        (scopes("graph:read goals:write"), 2)
    );
    assert_eq!(effects, [], "the addresses are the same");
}

#[test]
fn f4_another_address_needs_consent_and_a_new_handshake() {
    let mut moved = declared("graph:read", "d2");
    moved.addresses = "https://evil.example/".to_owned();
    let (asking, effects) = active("graph:read").declare(moved).unwrap();
    assert_eq!(
        asking.approval.as_ref().unwrap().addresses,
        "https://sdm.example.com/"
    );
    assert_eq!(effects.len(), 1);
    let (_, effects) = asking.approve(consent("d2", "graph:read")).unwrap();
    assert_eq!(effects, [Effect::Install("https://evil.example/".to_owned())]);
}

#[test]
fn less_takes_effect_at_once_and_more_again_is_an_escalation() {
    let (reduced, effects) = active("goals:write graph:read")
        .declare(declared("graph:read", "d2"))
        .unwrap();
    assert_eq!((reduced.approved(), effects), (scopes("graph:read"), vec![]));
    assert_eq!(reduced.approval.as_ref().unwrap().version, 2);
    let (again, effects) = reduced.declare(declared("goals:write graph:read", "d1")).unwrap();
    assert_eq!(
        (again.approved(), again.asked(), effects.len()),
        (scopes("graph:read"), scopes("goals:write"), 1)
    );
}

#[test]
fn it_is_disabled_enabled_and_uninstalled_with_what_that_means() {
    let (disabled, effects) = active("graph:read").disable(NOW).unwrap();
    assert_eq!(
        effects,
        [
            Effect::EndConnections,
            Effect::HoldEvents(NOW.plus(EVENTS_HELD)),
            Effect::Disabled
        ]
    );
    assert_eq!(disabled.clone().disable(NOW), Err(Unchanged::WrongState));
    let (enabled, effects) = disabled.enable(NOW).unwrap();
    assert_eq!(effects, [Effect::Enabled]);
    let (gone, effects) = enabled.uninstall(NOW).unwrap();
    assert_eq!(
        effects,
        [
            Effect::Uninstalled,
            Effect::EndConnections,
            Effect::DestroySecrets
        ]
    );
    assert_eq!(gone.clone().enable(NOW), Err(Unchanged::WrongState));
    assert_eq!(
        gone.clone().declare(declared("graph:read", "d3")),
        Err(Unchanged::WrongState)
    );
    assert_eq!(gone.uninstall(NOW), Err(Unchanged::WrongState));
}

#[test]
fn waiting_ends_after_a_week_and_few_wait_at_once() {
    let (waiting, _) = Registration::ask(declared("graph:read", "d1"), NOW, MOST_WAITING - 1).unwrap();
    assert_eq!(waiting.clone().expire(NOW), Err(Unchanged::WrongState));
    assert_eq!(
        waiting.expire(NOW.plus(WAITS)).unwrap().0.state,
        AddonState::Uninstalled
    );
    let full = Registration::ask(declared("graph:read", "d1"), NOW, MOST_WAITING);
    assert_eq!(full, Err(Unchanged::TooManyWait));
    assert!(active("graph:read").expire(NOW.plus(WAITS)).is_err());
}

#[test]
fn a_consent_screen_shows_what_is_new_first_and_what_stays_impossible() {
    let explained = Explained::of(
        scopes("graph:read goals:write"),
        scopes("graph:read goals:delete messages:write"),
    );
    assert_eq!(explained.new, [Scope::GoalsDelete, Scope::MessagesWrite]);
    assert_eq!(
        (explained.kept, explained.given_up),
        (vec![Scope::GraphRead], vec![Scope::GoalsWrite])
    );
    assert!(explained.never.contains(&Scope::RepoWrite) && !explained.never.contains(&Scope::GoalsRead));
    assert_eq!(explained.never[0].row().sensitivity, Sensitivity::High);
}

#[test]
fn an_install_that_was_not_taken_waits_again() {
    let first = active("graph:read");
    let (waiting, effects) = first
        .clone()
        .not_installed(declared("graph:read", "d1"), None, NOW)
        .unwrap();
    assert_eq!(
        (waiting.state, waiting.approved(), effects.is_empty()),
        (AddonState::Pending, ScopeSet::EMPTY, true),
        "a first approval never was"
    );
    assert!(waiting.clone().approve(consent("d1", "graph:read")).is_ok());
    assert!(
        waiting
            .not_installed(declared("graph:read", "d1"), None, NOW)
            .is_err()
    );
    let moved = Declared {
        addresses: "https://moved.example.com/".to_owned(),
        ..declared("graph:read goals:read", "d2")
    };
    let (wishing, _) = first.declare(moved.clone()).unwrap();
    let (agreed, _) = wishing.approve(consent("d2", "graph:read goals:read")).unwrap();
    let before = ("https://sdm.example.com/".to_owned(), "d1".to_owned());
    let (back, _) = agreed.not_installed(moved, Some(before.clone()), NOW).unwrap();
    let approval = back.approval.as_ref().unwrap();
    assert_eq!((&approval.addresses, &approval.digest), (&before.0, &before.1));
    assert_eq!(
        (back.state, back.approved()),
        (AddonState::Active, scopes("graph:read goals:read")),
        "what it may do was agreed to"
    );
    assert!(back.wish.is_some());
}
