//! What every database under a hub must do about people: part of the contract in `store`.

use std::time::Duration;

use sdm::model::Timestamp;
use sdm::ports::chats::{ChatCode, ChatLinked, ChatUser, Chats as _};
use sdm::ports::people::{
    Invited, PendingSignIn, People, PersonChange, PersonChanged, PersonRole, PersonState, SignIn, SignIns,
    StoredIdentity, StoredLink, StoredPerson, StoredSession,
};
use sdm::store::hub::SqlHub;

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_secs(second))
}

fn person(id: &str, role: PersonRole) -> StoredPerson {
    StoredPerson {
        id: id.to_owned(),
        name: format!("{id} <é>"),
        role,
        state: PersonState::Active,
        created: at(0),
    }
}

fn session(digest: &str, person: &str, second: u64) -> StoredSession {
    StoredSession {
        digest: digest.to_owned(),
        id: format!("id-{digest}"),
        person: person.to_owned(),
        means: "link".to_owned(),
        user_agent: "browser".to_owned(),
        signed_in: at(second),
        last_seen: at(second),
    }
}

fn link(digest: &str, person: &str, role: Option<PersonRole>) -> StoredLink {
    StoredLink {
        digest: digest.to_owned(),
        id: format!("id-{digest}"),
        person: person.to_owned(),
        invited: role.map(|role| Invited {
            name: person.to_owned(),
            role,
        }),
        made_by: "operator".to_owned(),
        created: at(0),
        expires: at(900),
    }
}

/// Somebody new who comes in by a link.
fn coming(link: &str, who: &StoredPerson, digest: &str, second: u64) -> SignIn {
    SignIn {
        link: Some(link.to_owned()),
        makes: Some(who.clone()),
        identity: None,
        session: session(digest, &who.id, second),
        replaces: None,
    }
}

fn identity(subject: &str, person: &str, login: &str) -> StoredIdentity {
    StoredIdentity {
        provider: "github".to_owned(),
        subject: subject.to_owned(),
        login: login.to_owned(),
        email: None,
        person: person.to_owned(),
        linked: at(1),
    }
}

fn change(role: Option<PersonRole>, state: Option<PersonState>) -> PersonChange {
    PersonChange {
        name: None,
        role,
        state,
    }
}

pub async fn contract(hub: &SqlHub) {
    a_link_counts_once_and_in_time(hub).await;
    invitations_end_with_the_right_to_invite(hub).await;
    sessions_are_found_ended_and_forgotten(hub).await;
    identities_are_one_persons(hub).await;
    somebody_always_administers(hub).await;
    a_sign_in_that_began_comes_back_once(hub).await;
    a_code_for_a_chat_counts_once_and_in_time(hub).await;
}

async fn a_code_for_a_chat_counts_once_and_in_time(hub: &SqlHub) {
    let code = |digest: &str, person: &str, second: u64| ChatCode {
        digest: digest.to_owned(),
        person: person.to_owned(),
        expires: at(second),
    };
    let user = |subject: &str| ChatUser {
        provider: "chat:bridge:T1".to_owned(),
        subject: subject.to_owned(),
        login: "a name".to_owned(),
    };
    assert!(
        hub.add_chat_code(&code("c1", "bob", 600), 2, at(0))
            .await
            .unwrap()
    );
    assert!(
        hub.add_chat_code(&code("c2", "bob", 700), 2, at(0))
            .await
            .unwrap()
    );
    assert!(
        !hub.add_chat_code(&code("c3", "bob", 700), 2, at(0))
            .await
            .unwrap(),
        "no more than two of one person"
    );
    assert!(
        hub.add_chat_code(&code("c4", "ada", 700), 2, at(0))
            .await
            .unwrap()
    );
    assert_eq!(
        hub.link_chat("c1", &user("U1"), at(600)).await.unwrap(),
        ChatLinked::NoCode,
        "too late"
    );
    let linked = ChatLinked::Done {
        person: "bob".to_owned(),
    };
    let (one, two) = (user("U1"), user("U2"));
    let both = tokio::join!(hub.link_chat("c2", &one, at(1)), hub.link_chat("c2", &two, at(1)));
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert!(
        both.contains(&linked) && both.contains(&ChatLinked::NoCode),
        "one of two at the same time: {both:?}"
    );
    let known = hub.identities("bob").await.unwrap().pop().unwrap();
    assert_eq!(
        hub.link_chat("c4", &user(&known.subject), at(1)).await.unwrap(),
        ChatLinked::SomebodyElse
    );
    assert!(hub.unlink_identity("bob", "chat:bridge:T1").await.unwrap());
}

async fn a_sign_in_that_began_comes_back_once(hub: &SqlHub) {
    let pending = |state: &str, second: u64| PendingSignIn {
        state_digest: state.to_owned(),
        browser_digest: "browser".to_owned(),
        provider: "github".to_owned(),
        place: "/".to_owned(),
        link: None,
        connects: Some("session".to_owned()),
        authorizes: None,
        expires: at(second),
    };
    assert!(hub.begin_sign_in(&pending("p1", 600), 2, at(0)).await.unwrap());
    assert!(hub.begin_sign_in(&pending("p2", 700), 2, at(0)).await.unwrap());
    assert!(
        !hub.begin_sign_in(&pending("p3", 700), 2, at(0)).await.unwrap(),
        "no more than two"
    );
    assert!(
        hub.begin_sign_in(&pending("p3", 700), 2, at(600)).await.unwrap(),
        "one has ended"
    );
    assert_eq!(hub.take_sign_in("p1").await.unwrap(), None);
    assert_eq!(hub.take_sign_in("p2").await.unwrap(), Some(pending("p2", 700)));
    assert_eq!(hub.take_sign_in("p2").await.unwrap(), None, "once");
}

async fn invitations_end_with_the_right_to_invite(hub: &SqlHub) {
    let mia = person("mia", PersonRole::Admin);
    let invites = async |digest: &str| {
        let invitation = StoredLink {
            made_by: "person:mia".to_owned(),
            ..link(digest, "friend", Some(PersonRole::Admin))
        };
        hub.add_link(&invitation, &[]).await.unwrap();
    };
    hub.add_link(&link("mia-in", "mia", Some(PersonRole::Admin)), &[])
        .await
        .unwrap();
    assert!(hub.sign_in(&coming("mia-in", &mia, "mia-1", 1)).await.unwrap());
    let changes = [
        PersonChange {
            role: Some(PersonRole::Member),
            ..PersonChange::default()
        },
        PersonChange {
            state: Some(PersonState::Suspended),
            ..PersonChange::default()
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let back = PersonChange {
            role: Some(PersonRole::Admin),
            ..PersonChange::default()
        };
        hub.change_person("mia", &back, &[]).await.unwrap();
        let digest = format!("by-mia-{number}");
        invites(&digest).await;
        assert!(hub.link(&digest).await.unwrap().is_some());
        hub.change_person("mia", change, &[]).await.unwrap();
        assert_eq!(hub.link(&digest).await.unwrap(), None, "{change:?}");
    }
}

async fn a_link_counts_once_and_in_time(hub: &SqlHub) {
    let ada = person("ada", PersonRole::Owner);
    let stored = link("l1", "ada", Some(PersonRole::Owner));
    hub.add_link(&stored, &[]).await.unwrap();
    assert_eq!(hub.link("l1").await.unwrap().as_ref(), Some(&stored));
    assert_eq!(hub.link("other").await.unwrap(), None);
    let before = hub.people_changed().await.unwrap();
    assert!(
        !hub.sign_in(&coming("l1", &ada, "s0", 900)).await.unwrap(),
        "too late"
    );
    assert!(!hub.sign_in(&coming("other", &ada, "s0", 1)).await.unwrap());
    assert_eq!(hub.people().await.unwrap(), [], "nothing of it happened");
    let (first, second) = (coming("l1", &ada, "s1", 1), coming("l1", &ada, "s2", 1));
    let both = tokio::join!(hub.sign_in(&first), hub.sign_in(&second));
    assert!(both.0.unwrap() ^ both.1.unwrap(), "one of two at the same time");
    assert_eq!(hub.people().await.unwrap(), std::slice::from_ref(&ada));
    assert!(hub.people_changed().await.unwrap() > before);
    hub.add_link(&link("l2", "ada", Some(PersonRole::Member)), &[])
        .await
        .unwrap();
    assert!(
        !hub.sign_in(&coming("l2", &ada, "s3", 1)).await.unwrap(),
        "an id is not given again"
    );
    assert_eq!(hub.links().await.unwrap().len(), 1);
    assert!(hub.drop_link("id-l2").await.unwrap());
    assert!(!hub.drop_link("id-l2").await.unwrap());
}

async fn sessions_are_found_ended_and_forgotten(hub: &SqlHub) {
    let held = hub.sessions_of("ada").await.unwrap().remove(0);
    let again = SignIn {
        link: None,
        makes: None,
        identity: None,
        session: session("s4", "ada", 60),
        replaces: Some(held.digest.clone()),
    };
    assert!(hub.sign_in(&again).await.unwrap());
    assert_eq!(
        hub.session(&held.digest).await.unwrap(),
        None,
        "a new id after sign-in"
    );
    let (found, who) = hub.session("s4").await.unwrap().unwrap();
    assert_eq!((&found, who.id.as_str()), (&again.session, "ada"));
    hub.session_seen("s4", at(120)).await.unwrap();
    hub.session_seen("s4", at(61)).await.unwrap();
    assert_eq!(hub.session("s4").await.unwrap().unwrap().0.last_seen, at(120));
    assert!(
        !hub.end_session("eve", "id-s4").await.unwrap(),
        "of somebody else"
    );
    assert!(hub.end_session("ada", "id-s4").await.unwrap());
    assert_eq!(hub.sessions_of("ada").await.unwrap(), []);
    for (digest, second) in [("old", 0), ("new", 100)] {
        let opened = SignIn {
            session: session(digest, "ada", second),
            replaces: None,
            ..again.clone()
        };
        assert!(hub.sign_in(&opened).await.unwrap());
    }
    hub.add_link(&link("l3", "ada", None), &[]).await.unwrap();
    hub.tidy_sign_ins(at(899), at(50), at(50)).await.unwrap();
    assert_eq!(
        hub.sessions_of("ada").await.unwrap(),
        [session("new", "ada", 100)]
    );
    assert_eq!(hub.links().await.unwrap().len(), 1);
    hub.tidy_sign_ins(at(900), at(0), at(0)).await.unwrap();
    assert_eq!(hub.links().await.unwrap(), []);
}

async fn identities_are_one_persons(hub: &SqlHub) {
    let bob = person("bob", PersonRole::Member);
    hub.add_link(&link("l4", "bob", Some(PersonRole::Member)), &[])
        .await
        .unwrap();
    let mut with_identity = coming("l4", &bob, "b1", 1);
    with_identity.identity = Some(identity("7", "bob", "bob"));
    assert!(hub.sign_in(&with_identity).await.unwrap());
    assert_eq!(hub.person_of("github", "7").await.unwrap().unwrap().id, "bob");
    assert_eq!(hub.person_of("oidc", "7").await.unwrap(), None);
    assert!(!hub.link_identity(&identity("7", "ada", "bob")).await.unwrap());
    assert!(
        hub.link_identity(&identity("7", "bob", "robert")).await.unwrap(),
        "renamed there"
    );
    assert_eq!(hub.identities("bob").await.unwrap()[0].login, "robert");
    hub.add_link(&link("l5", "eve", Some(PersonRole::Member)), &[])
        .await
        .unwrap();
    let mut stolen = coming("l5", &person("eve", PersonRole::Member), "e1", 1);
    stolen.identity = Some(identity("7", "eve", "robert"));
    assert!(!hub.sign_in(&stolen).await.unwrap());
    assert_eq!(hub.person("eve").await.unwrap(), None);
    assert!(
        hub.link("l5").await.unwrap().is_some(),
        "the link was not used up"
    );
    assert!(hub.unlink_identity("bob", "github").await.unwrap());
    assert!(!hub.unlink_identity("bob", "github").await.unwrap());
}

async fn somebody_always_administers(hub: &SqlHub) {
    let member = change(Some(PersonRole::Member), None);
    let suspended = change(None, Some(PersonState::Suspended));
    let admin = change(Some(PersonRole::Admin), None);
    let changed = async |id: &str, change: &PersonChange| hub.change_person(id, change, &[]).await.unwrap();
    assert_eq!(changed("nobody", &member).await, PersonChanged::NotThere);
    assert_eq!(changed("ada", &member).await, PersonChanged::LastAdmin);
    assert_eq!(changed("ada", &suspended).await, PersonChanged::LastAdmin);
    assert_eq!(changed("bob", &admin).await, PersonChanged::Done);
    assert_eq!(
        hub.sessions_of("bob").await.unwrap(),
        [],
        "other rights, another session"
    );
    let (one, other) = tokio::join!(changed("ada", &member), changed("bob", &suspended));
    assert_ne!(one, other, "two who take away the last but one at the same time");
    let people = hub.people().await.unwrap();
    let administers =
        |person: &&StoredPerson| person.role.administers() && person.state == PersonState::Active;
    assert_eq!(people.iter().filter(administers).count(), 1);
}
