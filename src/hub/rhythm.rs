//! How often a hub does what it does again and again, and how long it waits.

use std::time::Duration;

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Between two pings.
    pub ping: Duration,
    /// A machine that says nothing for so long is gone.
    pub silence: Duration,
    /// A delivery that a hub has sent and lost sight of comes again after this.
    pub lease: Duration,
    /// An ephemeral registration without a session stays so long, unless its machine left in good order.
    pub linger: Duration,
    /// Between two looks for what waits.
    pub look: Duration,
    /// Between two rounds of housekeeping.
    pub tidy: Duration,
    /// What a lost machine had waits so long.
    pub again: Duration,
    /// Between two looks for webhooks that were missed.
    pub missed: Duration,
    /// A task of a job that runs, and of which nobody says anything for so long, has failed.
    pub task: Duration,
    /// A machine that has an event or a command and is not said to be at work on it answers within this time.
    pub answer: Duration,
    /// The same for a goal that is to be carried out, and for tasks of jobs: they are, while the event is answered.
    pub work: Duration,
    /// A person who is asked for more parameters of a command says them within this time.
    pub person: Duration,
    /// Between two times at which what is old is forgotten.
    pub forget: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            lease: Duration::from_secs(60),
            linger: Duration::from_secs(30),
            look: Duration::from_secs(1),
            tidy: Duration::from_secs(2),
            again: Duration::from_secs(1),
            missed: Duration::from_secs(5 * 60),
            // An hour after its delivery is given up.
            task: Duration::from_secs(25 * 3_600),
            answer: Duration::from_secs(15 * 60),
            work: Duration::from_secs(24 * 3_600),
            person: Duration::from_secs(24 * 3_600),
            forget: Duration::from_secs(3_600),
        }
    }
}
