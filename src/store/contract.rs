//! What every store must keep to: one list of tests over the port, held against each database.

mod errands;
pub(crate) mod fixture;
mod goal_sets;
mod kept;
mod log;
mod plans;
mod queues;
mod reviews;
pub(crate) mod server;
mod statuses;
pub(crate) mod team;
mod triggers;

use std::sync::Arc;

use async_trait::async_trait;

use super::{Identity, Place, SqlStore};
use crate::ports::Store;
use server::{Copy, Server};

/// A database under test.
#[async_trait]
trait Database: Send + Sync {
    /// Opens it: empty at first, later with what was stored.
    async fn open(&self) -> Arc<dyn Store>;
}

struct Sqlite(tempfile::TempDir);

#[async_trait]
impl Database for Sqlite {
    async fn open(&self) -> Arc<dyn Store> {
        let path = self.0.path().join("state/sdm.db");
        Arc::new(SqlStore::open_file(&path).await.unwrap())
    }
}

#[async_trait]
impl Database for Copy {
    async fn open(&self) -> Arc<dyn Store> {
        let place = Place::Postgres(self.url.as_str().into());
        Arc::new(SqlStore::open(&place, &Identity::default()).await.unwrap())
    }
}

/// Holds the whole list against every database.
macro_rules! contract {
    ($($topic:ident: $($test:ident),+;)+) => {
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $test() {
                    let database = super::Sqlite(tempfile::tempdir().unwrap());
                    super::$topic::$test(&database).await;
                }
            )+)+
        }

        /// On one server, each test with a database of its own.
        #[tokio::test]
        async fn postgres_keeps_the_whole_list() {
            let Some(server) = Server::start().await else { return };
            $($(
                println!(concat!(stringify!($topic), "::", stringify!($test)));
                let database = server.copy().await;
                Box::pin($topic::$test(&database)).await;
            )+)+
        }
    };
}

contract! {
    plans:
        a_push_is_recorded_once_for_a_head,
        a_burst_of_pushes_from_one_head_has_one_winner,
        heads_are_set_and_removed_without_a_push,
        hazard_22_pushes_that_are_not_planned_survive_a_restart,
        ru_35_a_plan_is_stored_whole_and_once,
        ru_35_planning_twice_at_once_stores_one_plan,
        a_plan_without_goals_is_a_plan,
        a_person_may_ask_anew,
        st_05_goals_are_those_of_their_set_among_many_of_one_push,
        planning_attempts_keep_their_reasons;
    goal_sets:
        a_set_reads_back_as_it_was_written,
        hazard_4_an_append_to_something_older_is_refused_whole,
        an_append_to_a_forgotten_set_is_a_conflict,
        hazard_4_of_a_hundred_appends_each_version_has_one_winner,
        events_that_do_not_lead_to_the_state_are_refused,
        st_08_two_successes_at_once_request_the_dependent_once,
        st_18_two_workers_take_one_goal_once,
        leases_follow_their_append,
        goals_are_found_by_state_oldest_first,
        sets_are_found_by_every_filter,
        old_sets_are_forgotten_whole;
    queues:
        qu_01_as_many_as_allowed_get_a_slot_in_order,
        qu_02_the_newest_may_go_first,
        qu_03_canceling_a_set_frees_its_slot,
        qu_04_order_and_limit_survive_a_restart,
        qu_05_a_set_that_waits_for_approval_keeps_its_slot,
        qu_05_a_slot_may_be_given_back_while_people_are_waited_for,
        d7_of_two_that_ask_at_the_same_moment_one_gets_the_slot;
    kept:
        ca_02_files_are_found_by_scope_nearest_first,
        b10_e6_files_of_one_trust_are_not_found_with_another,
        ca_07_keeping_again_is_once_and_the_newest_is_found,
        caches_are_found_by_the_beginning_of_their_key,
        archives_go_in_order_of_their_last_use,
        a_success_is_found_with_its_outputs,
        files_that_nobody_used_are_forgotten;
    reviews:
        in_03_the_review_of_the_latest_attempt_is_kept,
        i5_an_image_is_what_it_was_when_a_goal_set_first_used_it,
        fingerprints_are_kept_per_commit_and_goal,
        hazard_14_pushes_of_goals_are_remembered,
        st_20_only_the_digest_of_a_token_is_kept,
        notes_on_old_commits_are_forgotten_and_heads_are_not;
    errands:
        an_errand_is_stored_once_for_its_key,
        an_errand_changes_by_compare_and_set,
        errands_are_found_by_every_filter,
        what_listeners_do_is_stored_with_how_far_they_read,
        tr_01_a_timer_fires_once_for_a_moment,
        tags_are_remembered_with_their_events,
        cm_07_a_job_has_a_task_for_each_repository,
        cm_10_a_task_begins_once_with_a_goal_set_of_its_own,
        old_errands_and_jobs_are_forgotten,
        pf_01_preferences_are_put_got_listed_and_deleted,
        pf_02_a_value_with_a_time_to_live_expires;
    triggers:
        ru_37_goals_are_noted_with_how_far_they_were_read,
        hazard_6_a_goal_is_planned_for_once,
        ru_38_what_cannot_be_planned_stays_noted_or_goes,
        ru_38_a_goal_of_another_machine_is_planned_for_once_and_stays_known;
    statuses:
        commits_are_noted_with_how_far_the_log_was_read,
        hazard_6_what_happens_while_a_forge_is_told_stays_due,
        what_forges_are_told_goes_with_the_goal_sets,
        semantics_7_1_a_check_is_known_before_and_after_its_forge_has_it;
    team:
        c3_a_delivery_is_taken_in_once_and_answered_as_often_as_it_comes,
        reports_begin_at_the_end_of_the_log_and_go_on_where_they_were,
        logs_go_on_their_way_with_the_report_of_their_attempt,
        k4_a_hub_that_forgot_is_told_again_but_nothing_of_before_it,
        what_is_not_reported_is_not_forgotten,
        deliveries_that_are_over_are_forgotten,
        what_stands_in_line_holds_up_only_its_own_line;
    log:
        the_feed_is_read_in_pages_without_gaps,
        the_feed_tells_goals_with_all_they_need,
        a_cursor_is_never_given_twice,
        versions_and_trust_survive_a_restart,
        no_wake_up_is_lost,
        a_heartbeat_wakes_nobody;
}
