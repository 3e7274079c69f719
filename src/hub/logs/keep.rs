//! Where logs are kept: the newest in the database, those that have rested in files, and none for ever.

use std::time::Duration;

use super::super::Hub;
use crate::model::Timestamp;
use crate::ports::hub::{FilePlace, HubStoreError, LogContent, LogName, RestedLogs};
use crate::wire::hub::LoggedLine;

/// Logs of one round.
const AT_ONCE: u32 = 50;

/// Most parts of a log.
const PARTS: u32 = 1_000_000;

/// Longest pause between two rounds.
const PAUSE: Duration = Duration::from_secs(60);

impl Hub {
    /// Puts logs into files and forgets old ones, until the hub stops.
    pub(in super::super) async fn keep_logs(&self) {
        let stop = self.tasks().stop_token();
        loop {
            let kept = self.keep_logs_once().await;
            let pause = match kept {
                Ok(true) => Duration::ZERO,
                Ok(false) => PAUSE.min(self.log_options().rest),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "logs cannot be looked after"
                    );
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause.max(Duration::from_millis(100))) => {}
            }
        }
    }

    /// One round; whether there may be more to do.
    async fn keep_logs_once(&self) -> Result<bool, HubStoreError> {
        let (now, options) = (self.now(), self.log_options());
        let old = self.store().old_logs(now.minus(options.keep), AT_ONCE).await?;
        for name in &old {
            self.forget_log(name).await?;
        }
        let Some(place) = self.rested_logs().first() else {
            return Ok(old.len() == AT_ONCE as usize);
        };
        let rested = self.store().rested_logs(now.minus(options.rest), AT_ONCE).await?;
        let mut filed = 0;
        for name in &rested {
            if self.file_log(&**place, name).await? {
                self.leave_earlier_places(name).await;
                filed += 1;
            }
        }
        // Those that could not be filed are tried again after a pause.
        Ok(old.len() == AT_ONCE as usize || filed == AT_ONCE as usize)
    }

    /// What was filed before somewhere else is not needed there any more.
    async fn leave_earlier_places(&self, name: &LogName) {
        for place in self.rested_logs().iter().skip(1) {
            if let Err(error) = place.remove(name).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    place = place.place(),
                    "an earlier copy of a log stays"
                );
            }
        }
    }

    /// First the file, then the rows: what is left of an interruption is found again.
    async fn forget_log(&self, name: &LogName) -> Result<(), HubStoreError> {
        for place in self.rested_logs() {
            if let Err(error) = place.remove(name).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    place = place.place(),
                    "the file of an old log stays"
                );
            }
        }
        self.store().drop_log(name).await
    }

    /// First the file, then the rows that say where everything is. Whether it is done.
    async fn file_log(&self, place: &dyn RestedLogs, name: &LogName) -> Result<bool, HubStoreError> {
        let Some(state) = self.store().log_state(name).await? else {
            return Ok(true);
        };
        let (mut starts, mut contents) = (Vec::new(), Vec::new());
        for part in self.store().log_parts(name, 0, PARTS).await? {
            let content = match part.content {
                LogContent::Here(content) => Some(content),
                LogContent::InFile(place) => self.read_file(name, place).await,
            };
            starts.push(part.start);
            contents.push(content.map_or_else(
                || lost_part(part.start, part.end, state.changed),
                |content| content.trim_end().to_owned(),
            ));
        }
        let places = match place.put(name, &contents).await {
            Ok(places) => places,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    place = place.place(),
                    "a log cannot be put into a file, it stays in the database"
                );
                return Ok(false);
            }
        };
        let places: Vec<(u64, FilePlace)> = starts.into_iter().zip(places).collect();
        self.store().file_log(name, state.end, &places).await
    }

    /// A part from the file of a log; `None`, with a word in the hub's own log, when it cannot be read.
    pub(super) async fn read_file(&self, name: &LogName, place: FilePlace) -> Option<String> {
        for rested in self.rested_logs() {
            match rested.read(name, place).await {
                Ok(Some(content)) => return Some(content),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(goal = %name.goal, attempt = name.attempt, error = &error as &dyn std::error::Error,
                        "the file of a log cannot be read");
                    return None;
                }
            }
        }
        tracing::warn!(goal = %name.goal, attempt = name.attempt, "the file of a log is not there");
        None
    }
}

/// What stands for a part whose file is gone.
fn lost_part(start: u64, end: u64, at: Timestamp) -> String {
    let line = LoggedLine {
        offset: start,
        at,
        stream: "sdm".to_owned(),
        text: format!(
            "{} bytes of this log were lost with the hub's file of it",
            end - start
        ),
    };
    serde_json::to_string(&[line]).expect("lines have text keys only")
}
