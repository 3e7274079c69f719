//! A real Chromium, driven over its own websocket, that keeps account of everything it complains about.

use std::collections::VecDeque;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Names under which it is found.
const PROGRAMS: [&str; 2] = ["chromium", "chromium-browser"];

/// A browser with one page, ended with the test.
pub struct Browser {
    process: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    number: u64,
    events: VecDeque<Value>,
    complaints: Vec<String>,
    directory: tempfile::TempDir,
}

impl Browser {
    /// `None`, said aloud, when there is none here.
    pub async fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .flat_map(|directory| PROGRAMS.map(|name| directory.join(name)))
            .find(|program| program.is_file());
        let Some(program) = program else {
            super::git_servers::skipped("chromium", "chromium");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let profile = format!("--user-data-dir={}", directory.path().display());
        let process = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
                "--remote-debugging-port=0",
                &profile,
                "about:blank",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = debugger(directory.path()).await;
        let (socket, _) = connect_async(address).await.unwrap();
        let mut browser = Self {
            process,
            socket,
            session: String::new(),
            number: 0,
            events: VecDeque::new(),
            complaints: Vec::new(),
            directory,
        };
        browser.attach().await;
        Some(browser)
    }

    async fn attach(&mut self) {
        let target = self
            .ask("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attached = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.ask("Target.attachToTarget", attached).await;
        self.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(&format!("{domain}.enable"), json!({})).await;
        }
    }

    /// Says something to the browser, or to its page once there is one; its answer.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::Text(message.to_string().into()))
            .await
            .unwrap();
        loop {
            let said = self.hear().await;
            if said["id"] == json!(self.number) {
                assert!(said.get("error").is_none(), "{method}: {said}");
                return said["result"].clone();
            }
            self.take(said);
        }
    }

    async fn hear(&mut self) -> Value {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let message = next.expect("the browser answers in time").unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Keeps an event, and what it complains about.
    fn take(&mut self, event: Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
            "Log.entryAdded"
                if ["error", "warning"].contains(&params["entry"]["level"].as_str().unwrap_or_default()) =>
            {
                Some(format!("{}: {}", params["entry"]["url"], params["entry"]["text"]))
            }
            "Runtime.consoleAPICalled"
                if ["error", "warning", "assert"].contains(&params["type"].as_str().unwrap_or_default()) =>
            {
                Some(params["args"].to_string())
            }
            _ => None,
        };
        self.complaints.extend(complaint);
        self.events.push_back(event);
    }

    /// Everything that the browser has complained about: exceptions, errors, and what the content policy kept from happening.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// A window of this size, on a telephone or not, in the light or the dark.
    pub async fn size(&mut self, width: u32, height: u32, is_dark: bool) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.ask("Emulation.setDeviceMetricsOverride", metrics).await;
        let value = if is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.ask("Emulation.setEmulatedMedia", media).await;
    }

    /// Whether pages may run scripts.
    pub async fn allow_script(&mut self, is_allowed: bool) {
        let disabled = json!({"value": !is_allowed});
        self.ask("Emulation.setScriptExecutionDisabled", disabled).await;
    }

    /// Goes to an address and waits until the page is there.
    pub async fn open(&mut self, address: &str) {
        self.events.clear();
        let answer = self.ask("Page.navigate", json!({"url": address})).await;
        assert!(answer.get("errorText").is_none(), "{address}: {answer}");
        self.loaded().await;
    }

    /// Forgets who is signed in, as a browser that has not been here.
    pub async fn forget_cookies(&mut self) {
        self.ask("Network.clearBrowserCookies", json!({})).await;
    }

    /// Opens the link of somebody who is invited, at a desk, and lets them in with the keyboard.
    pub async fn sign_in(&mut self, link: &str) {
        self.size(1280, 900, false).await;
        self.open(link).await;
        self.tab_to("it.tagName === 'BUTTON'").await;
        self.press("Enter").await;
        self.loaded().await;
    }

    /// Waits until the page that is being opened is there.
    pub async fn loaded(&mut self) {
        loop {
            let is_there = |event: &Value| event["method"] == json!("Page.loadEventFired");
            if self.events.iter().any(is_there) {
                self.events.clear();
                return;
            }
            let said = self.hear().await;
            self.take(said);
        }
    }

    /// The value of an expression in the page.
    pub async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", asked).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page; the page itself looks again whenever it is drawn.
    pub async fn until(&mut self, expression: &str) {
        let waiting = format!(
            "new Promise((done) => {{ const end = performance.now() + 20000; const look = () => {{ \
             let is = false; try {{ is = Boolean({expression}); }} catch {{}} \
             if (is) done(true); else if (performance.now() > end) done(false); else setTimeout(look, 20); }}; look(); }})"
        );
        if self.value(&waiting).await != json!(true) {
            let text = self.value("document.body.innerText").await;
            panic!("in vain until {expression}; {:?}\n{text}", self.complaints);
        }
    }

    /// Presses a key, as a person at a keyboard does.
    pub async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            "ArrowDown" => (40, ""),
            other => (0, other),
        };
        let mut down = json!({"type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key, "windowsVirtualKeyCode": code});
        if code != 0 {
            down["code"] = json!(if key == " " { "Space" } else { key });
        }
        if !text.is_empty() {
            down["text"] = json!(text);
        }
        self.ask("Input.dispatchKeyEvent", down).await;
        let up = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code});
        self.ask("Input.dispatchKeyEvent", up).await;
    }

    /// Types a text.
    pub async fn type_text(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses Tab until what has the focus is meant by an expression over `it`.
    pub async fn tab_to(&mut self, expression: &str) {
        for _ in 0..200 {
            self.press("Tab").await;
            let looked = format!("((it) => Boolean({expression}))(document.activeElement)");
            if self.value(&looked).await == json!(true) {
                return;
            }
        }
        let text = self.value("document.body.innerText").await;
        panic!("no Tab leads to {expression}\n{text}");
    }

    /// Keeps a picture of the window in the directory `SDM_TEST_PICTURES`, if one is named, for people to look at.
    pub async fn picture(&mut self, name: &str) {
        use base64::Engine as _;
        let Some(directory) = std::env::var_os("SDM_TEST_PICTURES") else {
            return;
        };
        let answer = self.ask("Page.captureScreenshot", json!({"format": "png"})).await;
        let text = answer["data"].as_str().unwrap();
        let picture = base64::prelude::BASE64_STANDARD.decode(text).unwrap();
        std::fs::write(
            std::path::Path::new(&directory).join(format!("{name}.png")),
            picture,
        )
        .unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = self.directory.path();
    }
}

/// Where a browser listens, as it writes into its profile.
async fn debugger(profile: &std::path::Path) -> String {
    let file = profile.join("DevToolsActivePort");
    let waiting = async {
        loop {
            if let Ok(text) = std::fs::read_to_string(&file)
                && let [port, path] = text.lines().collect::<Vec<_>>().as_slice()
            {
                return format!("ws://127.0.0.1:{port}{path}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("the browser says where it listens")
}
