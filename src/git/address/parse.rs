//! From text to a [`Place`]: every accepted form has its function; what no function claims is refused.

use std::path::{Component, Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::{Login, MAX_ADDRESS_LENGTH, Place, RemoteAddress, host};

type Parsed<T> = Result<T, String>;

pub(super) fn parse(text: &str) -> Parsed<RemoteAddress> {
    if text.is_empty() || text.len() > MAX_ADDRESS_LENGTH {
        return Err(format!("it must have 1 to {MAX_ADDRESS_LENGTH} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    if text.starts_with('-') {
        return Err("it begins with a dash and could be taken for an option".to_owned());
    }
    let (place, login) = split(text)?;
    Ok(RemoteAddress { place, login })
}

fn split(text: &str) -> Parsed<(Place, Option<Login>)> {
    if text.starts_with('/') {
        return Ok((Place::File(absolute(Path::new(text))?), None));
    }
    if text.contains("::") && !text.contains("://") && !text.contains("@[") && !text.starts_with('[') {
        return Err("remote helpers (`name::address`) are not allowed".to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok((scp_like(text)?, None));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "file" => Ok((file(text)?, None)),
        "http" | "https" => http(text),
        "ssh" | "git+ssh" | "ssh+git" => Ok((ssh(rest)?, None)),
        "git" => Ok((git(rest)?, None)),
        other if other.contains("::") => Err("remote helpers (`name::address`) are not allowed".to_owned()),
        other => Err(format!("the protocol `{other}` is not allowed")),
    }
}

fn file(text: &str) -> Parsed<Place> {
    let url = Url::parse(text).map_err(|error| format!("it is not an address: {error}"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a `file` address has no query and no fragment".to_owned());
    }
    let path = url
        .to_file_path()
        .map_err(|()| "a `file` address must name a path of this machine".to_owned())?;
    if path.to_string_lossy().chars().any(char::is_control) {
        return Err("its path has control characters".to_owned());
    }
    Ok(Place::File(absolute(&path)?))
}

/// Without `.`, `..` and doubled slashes, so that one place has one spelling.
fn absolute(path: &Path) -> Parsed<PathBuf> {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(part) => normal.push(part),
            Component::ParentDir | Component::Prefix(_) => return Err("its path has `..` in it".to_owned()),
        }
    }
    Ok(normal)
}

fn http(text: &str) -> Parsed<(Place, Option<Login>)> {
    // Browsers mend these; here a mended address would not be the one that was looked at.
    if text.contains('\\') || text.contains(":///") {
        return Err("its host is not where it has to be".to_owned());
    }
    let mut url = Url::parse(text).map_err(|error| format!("it is not an address: {error}"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address of a repository has no query and no fragment".to_owned());
    }
    let login = login_of(&url)?;
    let cannot = "its user information cannot be read".to_owned();
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return Err(cannot);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok((Place::Http(url), login))
}

fn login_of(url: &Url) -> Parsed<Option<Login>> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user = percent_decoded(url.username())?;
    let password = percent_decoded(url.password().unwrap_or_default())?;
    Ok(Some(Login::new(user, SecretString::from(password))))
}

fn ssh(rest: &str) -> Parsed<Place> {
    let (authority, path) = rest.split_once('/').ok_or("it names no repository")?;
    let (user, host) = user_and_host(authority)?;
    let (host, port) = host_and_port(host)?;
    let path = percent_decoded(path)?;
    // `/~user/x` is a path in that user's home, as git reads it.
    let path = if path.starts_with('~') {
        path
    } else {
        format!("/{path}")
    };
    Ok(Place::Ssh {
        user,
        host,
        port,
        path: remote_path(path)?,
    })
}

fn scp_like(text: &str) -> Parsed<Place> {
    let unclear = "it is neither an absolute path nor an address with a known protocol";
    let split_at = match text.find("]:") {
        Some(bracket) => bracket + 1,
        None => text.find(':').ok_or(unclear)?,
    };
    let (authority, path) = (&text[..split_at], &text[split_at + 1..]);
    if authority.contains('/') {
        return Err(unclear.to_owned());
    }
    if !authority.contains('@') && path.split('/').next().is_some_and(|first| first.contains('@')) {
        return Err("a password cannot be given to `ssh` in an address".to_owned());
    }
    let protocols = ["http", "https", "ssh", "git", "file", "ftp", "ext", "fd"];
    if protocols
        .iter()
        .any(|protocol| authority.eq_ignore_ascii_case(protocol))
    {
        return Err("its protocol is not followed by `//`".to_owned());
    }
    let (user, host) = user_and_host(authority)?;
    Ok(Place::Ssh {
        user,
        host: host::normalise(host)?,
        port: None,
        path: remote_path(path.to_owned())?,
    })
}

fn git(rest: &str) -> Parsed<Place> {
    let (authority, path) = rest.split_once('/').ok_or("it names no repository")?;
    if authority.contains('@') {
        return Err("the `git` protocol has no users".to_owned());
    }
    let (host, port) = host_and_port(authority)?;
    let path = remote_path(format!("/{}", percent_decoded(path)?))?;
    Ok(Place::Git {
        host,
        port: port.unwrap_or(9418),
        path,
    })
}

fn user_and_host(authority: &str) -> Parsed<(Option<String>, &str)> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((None, authority));
    };
    if user.contains(':') {
        return Err("a password cannot be given to `ssh` in an address".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+@".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(plain) {
        return Err("its user is not a user name".to_owned());
    }
    Ok((Some(user.to_owned()), host))
}

fn host_and_port(text: &str) -> Parsed<(String, Option<u16>)> {
    let after_host = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = text[after_host..].find(':') else {
        return Ok((host::normalise(text)?, None));
    };
    let (host, port) = (&text[..after_host + colon], &text[after_host + colon + 1..]);
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0);
    let port = port.ok_or("its port is not a number from 1 to 65535")?;
    Ok((host::normalise(host)?, Some(port)))
}

fn remote_path(path: String) -> Parsed<String> {
    if path.trim_matches('/').is_empty() {
        return Err("it names no repository".to_owned());
    }
    if path.starts_with('-') {
        return Err("its path begins with a dash and could be taken for an option".to_owned());
    }
    if path.chars().any(char::is_control) {
        return Err("its path has control characters".to_owned());
    }
    Ok(path)
}

fn percent_decoded(text: &str) -> Parsed<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let code = (first == b'%')
            .then(|| after.get(..2).and_then(|digits| hex::decode(digits).ok()))
            .flatten();
        match code {
            Some(code) => {
                bytes.extend(code);
                rest = &after[2..];
            }
            None if first == b'%' => return Err("it has a `%` that encodes nothing".to_owned()),
            None => bytes.push(first),
        }
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 when decoded".to_owned())
}
