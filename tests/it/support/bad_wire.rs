//! A wire between a machine and its hub that cannot be relied on: it repeats messages, holds them up, lets one overtake another,
//! breaks, and goes silent without a word to either end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sdm::runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Chance that is the same for the same seed.
#[derive(Debug, Clone)]
pub struct Dice(Arc<AtomicU64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A number below `sides`.
    pub fn roll(&self, sides: u64) -> u64 {
        // SplitMix64.
        let mut number = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (number ^ (number >> 31)) % sides
    }

    /// Whether something of so many in a hundred happens.
    fn happens(&self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// How a wire behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mood {
    /// Connections of earlier epochs are broken.
    epoch: u64,
    /// What is sent goes nowhere.
    is_silent: bool,
    /// Messages are passed on as they come.
    is_calm: bool,
}

/// What the wire did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deeds {
    pub repeated: u64,
    pub held_up: u64,
    pub overtaken: u64,
    pub swallowed: u64,
}

/// The wire; gone with it are its connections.
pub struct BadWire {
    pub address: SocketAddr,
    mood: watch::Sender<Mood>,
    deeds: Arc<Mutex<Deeds>>,
    _tasks: Tasks,
}

impl BadWire {
    /// A wire to a hub.
    pub async fn to(hub: SocketAddr, dice: Dice) -> Self {
        Self::with(hub, dice, false).await
    }

    /// A wire that does everything it can do once at least, whatever the dice say.
    pub async fn thorough(hub: SocketAddr, dice: Dice) -> Self {
        Self::with(hub, dice, true).await
    }

    async fn with(hub: SocketAddr, dice: Dice, is_thorough: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, of_wire) = watch::channel(Mood {
            epoch: 0,
            is_silent: false,
            is_calm: false,
        });
        let (tasks, deeds) = (Tasks::new(), Arc::<Mutex<Deeds>>::default());
        let (connections, noted) = (tasks.clone(), Arc::clone(&deeds));
        tasks.spawn("wire", async move {
            while let Ok((machine, _)) = listener.accept().await {
                let line = Line {
                    mood: of_wire.clone(),
                    dice: dice.clone(),
                    deeds: Arc::clone(&noted),
                    is_thorough,
                };
                connections.spawn("connection", async move {
                    if let Ok(hub) = TcpStream::connect(hub).await {
                        line.carry(machine, hub).await;
                    }
                });
            }
        });
        Self {
            address,
            mood,
            deeds,
            _tasks: tasks,
        }
    }

    /// Breaks every connection that there is.
    pub fn cut(&self) {
        self.mood.send_modify(|mood| {
            mood.epoch += 1;
            mood.is_silent = false;
        });
    }

    /// From now on nothing arrives any more, and neither end is told.
    pub fn fall_silent(&self) {
        self.mood.send_modify(|mood| mood.is_silent = true);
    }

    /// From now on the wire is a good one. What was silent is broken: what was lost on it would else be waited for.
    pub fn calm_down(&self) {
        self.cut();
        self.mood.send_modify(|mood| mood.is_calm = true);
    }

    pub fn deeds(&self) -> Deeds {
        *self.deeds.lock().unwrap()
    }
}

/// One connection.
#[derive(Clone)]
struct Line {
    mood: watch::Receiver<Mood>,
    dice: Dice,
    deeds: Arc<Mutex<Deeds>>,
    is_thorough: bool,
}

impl Line {
    async fn carry(self, machine: TcpStream, hub: TcpStream) {
        let epoch = self.mood.borrow().epoch;
        let mut broken = self.mood.clone();
        let (from_machine, to_machine) = machine.into_split();
        let (from_hub, to_hub) = hub.into_split();
        let (up, down) = (self.clone(), self);
        tokio::select! {
            _ = up.pump(from_machine, to_hub) => {}
            _ = down.pump(from_hub, to_machine) => {}
            _ = broken.wait_for(|mood| mood.epoch != epoch) => {}
        }
    }

    /// Passes on a head, and then frames if it opens a websocket and bytes otherwise.
    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(from.read_u8().await?);
        }
        self.pass(&mut to, &head).await?;
        let text = String::from_utf8_lossy(&head).to_lowercase();
        if text.contains("upgrade: websocket") {
            return self.frames(from, to).await;
        }
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match from.read(&mut buffer).await? {
                0 => return Ok(()),
                count => self.pass(&mut to, &buffer[..count]).await?,
            }
        }
    }

    /// Passes something on, or lets it vanish.
    async fn pass(&self, to: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
        if self.mood.borrow().is_silent {
            self.note(|deeds| deeds.swallowed += 1);
            return Ok(());
        }
        to.write_all(bytes).await
    }

    fn note(&self, what: impl FnOnce(&mut Deeds)) {
        what(&mut self.deeds.lock().unwrap());
    }

    /// Whether it is to do this because it never has.
    fn is_first(&self, deed: impl FnOnce(&Deeds) -> u64) -> bool {
        self.is_thorough && deed(&self.deeds.lock().unwrap()) == 0
    }

    async fn frames(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut overtaken: Option<Vec<u8>> = None;
        loop {
            let next = frame(&mut from);
            let frame = match overtaken.take() {
                None => next.await?,
                // Whoever is overtaken waits for the next, but not for ever.
                Some(before) => match tokio::time::timeout(Duration::from_millis(40), next).await {
                    Ok(frame) => {
                        self.note(|deeds| deeds.overtaken += 1);
                        self.pass(&mut to, &frame?).await?;
                        before
                    }
                    // Reading may have begun: the rest of the frame would be lost. Such a connection is a broken one.
                    Err(_) => {
                        self.pass(&mut to, &before).await?;
                        return Ok(());
                    }
                },
            };
            if self.mood.borrow().is_calm || !says_something(&frame) {
                self.pass(&mut to, &frame).await?;
                continue;
            }
            if self.is_first(|deeds| deeds.held_up) || self.dice.happens(10) {
                self.note(|deeds| deeds.held_up += 1);
                tokio::time::sleep(Duration::from_millis(self.dice.roll(40))).await;
            }
            // Only what the hub tells may come in any order: what a machine answers is in order on every wire.
            let percent = if self.is_first(|deeds| deeds.overtaken) {
                40
            } else {
                10
            };
            if is_from_hub(&frame) && self.dice.happens(percent) {
                overtaken = Some(frame);
                continue;
            }
            self.pass(&mut to, &frame).await?;
            if self.is_first(|deeds| deeds.repeated) || self.dice.happens(15) {
                self.note(|deeds| deeds.repeated += 1);
                self.pass(&mut to, &frame).await?;
            }
        }
    }
}

/// A whole frame as it is on the wire.
async fn frame(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![from.read_u8().await?, from.read_u8().await?];
    let length = match bytes[1] & 0x7F {
        126 => {
            let more = from.read_u16().await?;
            bytes.extend(more.to_be_bytes());
            usize::from(more)
        }
        127 => {
            let more = from.read_u64().await?;
            bytes.extend(more.to_be_bytes());
            usize::try_from(more).unwrap()
        }
        short => usize::from(short),
    };
    let mask = if is_from_hub(&bytes) { 0 } else { 4 };
    let begin = bytes.len();
    bytes.resize(begin + mask + length, 0);
    from.read_exact(&mut bytes[begin..]).await?;
    Ok(bytes)
}

fn is_from_hub(frame: &[u8]) -> bool {
    frame[1] & 0x80 == 0
}

/// Whether a frame is a message of some length, and no ping or pong of either kind.
fn says_something(frame: &[u8]) -> bool {
    matches!(frame[0] & 0x0F, 1 | 2) && frame.len() > 60
}
