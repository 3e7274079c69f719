//! Who is connected and is no machine: so many altogether, and so many of one address, so that nobody takes the places of all others
//! (threat C7). A machine is counted here until its conversation begins.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Present {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Everybody who is connected. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    present: Arc<Mutex<Present>>,
    most: usize,
    most_of_one: usize,
}

/// A place of somebody who is connected; free when dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    /// Of whose address it is counted.
    of: Option<IpAddr>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// There are too many altogether.
    Altogether,
    /// There are too many of this address.
    OfOne,
}

impl Full {
    /// Under which reason it is counted.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Altogether => "too_many",
            Self::OfOne => "too_many_of_address",
        }
    }
}

/// An address as it is counted: whoever has one of IPv6 has very many beside it.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

impl Crowd {
    /// Nobody yet, with room for so many; three quarters of it for one address, behind which there may be many people and machines.
    pub(super) fn of(most: usize) -> Self {
        Self {
            present: Arc::default(),
            most,
            most_of_one: most - most / 4,
        }
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for somebody at this address. A proxy that is known stands for everybody, and is not counted by its address.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn admit(&self, peer: IpAddr, is_proxy: bool) -> Result<Place, Full> {
        let of = (!is_proxy).then(|| counted_as(peer));
        let mut present = self.present();
        if present.all >= self.most {
            return Err(Full::Altogether);
        }
        if let Some(address) = of {
            let own = present.by_address.entry(address).or_default();
            if *own >= self.most_of_one {
                return Err(Full::OfOne);
            }
            *own += 1;
        }
        present.all += 1;
        drop(present);
        Ok(Place {
            crowd: self.clone(),
            of,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.crowd.present();
        present.all -= 1;
        let Some(address) = self.of else {
            return;
        };
        let own = present.by_address.get_mut(&address);
        let is_last = own.is_some_and(|own| {
            *own -= 1;
            *own == 0
        });
        if is_last {
            present.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn c7_nobody_takes_the_places_of_all_others() {
        let crowd = Crowd::of(8);
        let admit = |peer: &str, is_proxy| crowd.admit(address(peer), is_proxy);
        let mut places: Vec<Place> = (0..6).map(|_| admit("192.0.2.1", false).unwrap()).collect();
        assert_eq!(admit("192.0.2.1", false).unwrap_err(), Full::OfOne);
        assert_eq!(admit("::ffff:192.0.2.1", false).unwrap_err(), Full::OfOne);
        places.push(admit("192.0.2.2", false).unwrap());
        places.push(admit("192.0.2.1", true).unwrap());
        assert_eq!(admit("192.0.2.3", false).unwrap_err(), Full::Altogether);
        places.clear();
        assert!(crowd.present().by_address.is_empty() && crowd.present().all == 0);
        let _far: Vec<Place> = (0..6)
            .map(|end| admit(&format!("2001:db8::{end}"), false).unwrap())
            .collect();
        assert_eq!(admit("2001:db8::ffff", false).unwrap_err(), Full::OfOne);
        assert!(admit("2001:db8:1::1", false).is_ok());
    }
}
