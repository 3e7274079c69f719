//! Adapter: goals in containers, through a Docker-compatible engine (semantics 4.5).
//!
//! This program runs itself below a goal's supervisor to [`drive`] the engine: so a restart of the daemon changes nothing,
//! what containers print passes the supervisor's redaction, and being told to end means ending the containers. What a
//! driver that was killed leaves is found by its labels and removed by the [`sweep`].
//!
//! Begin reading in [`drive`]; [`shape`] says what the engine is told to make.

mod drive;
mod engine;
mod exchange;
mod files;
mod follow;
mod image;
mod labels;
mod login;
mod options;
mod output;
mod ownership;
mod ping;
mod ready;
mod remains;
mod report;
mod shape;
mod sweep;
mod verdict;

use std::collections::BTreeMap;
use std::fs::File;

use crate::ports::containers::{ContainerOrder, ContainerReport, RegistryLogin};

use drive::Drive;
use engine::Engine;
use exchange::Places;
use files::SecretFiles;
pub use image::EngineImages;
pub use login::handed_over;
use output::Output;
pub use sweep::{Sweep, mark_in, owner_of};
use verdict::Verdict;
pub use verdict::{Carried, TOLD_TO_END};

/// Carries out an order with the contract's variables and the logins for its images, until it has ended or `asked_to_end`
/// completes.
/// Beside that, what became of it is left for the machine as a [`ContainerReport`].
pub async fn carry_out(
    order: &ContainerOrder,
    (contract, logins): (&BTreeMap<String, String>, &[RegistryLogin]),
    asked_to_end: impl Future<Output = ()>,
) -> Carried {
    let output = Output::new(output::Own);
    let places = match Places::of_contract(contract) {
        Ok(places) => places,
        Err(words) => {
            output.say(&words);
            return Verdict::failed(words).into();
        }
    };
    order.notes.iter().for_each(|note| output.say(note));
    let mut report = ContainerReport::default();
    let told = Told { order, logins };
    let verdict = verdict_on(&told, &places, &output, &mut report, asked_to_end).await;
    output.say(&verdict.words);
    report.code = verdict.exit_code;
    report.is_hindered = verdict.is_hindered;
    if verdict.code != 0 {
        report.failure = Some(verdict.words.clone());
    }
    verdict::leave(&places, &report);
    verdict.into()
}

/// What the machine wants of the driver.
struct Told<'a> {
    /// What to carry out.
    order: &'a ContainerOrder,
    /// With what its images are fetched.
    logins: &'a [RegistryLogin],
}

async fn verdict_on(
    told: &Told<'_>,
    places: &Places,
    output: &Output,
    left: &mut ContainerReport,
    asked_to_end: impl Future<Output = ()>,
) -> Verdict {
    let order = told.order;
    let mut asked_to_end = Box::pin(asked_to_end);
    let engine = tokio::select! {
        biased;
        () = &mut asked_to_end => return Verdict::told_to_end(),
        engine = Engine::connect(&order.engines, order.patience) => match engine {
            Ok(engine) => engine,
            Err(error) => return Verdict::of_error(&error),
        },
    };
    if let Err(error) = File::create(&order.belonging.mark) {
        return Verdict::failed(format!(
            "{} cannot be written: {error}",
            order.belonging.mark.display()
        ));
    }
    let parent = places.report();
    let files = match SecretFiles::write(order, parent.parent().unwrap_or(&parent), places.secrets.as_ref()) {
        Ok(files) => files,
        Err(error) => {
            return Verdict::failed(format!(
                "the files of the goal's secrets cannot be written: {error}"
            ));
        }
    };
    let room = order
        .report
        .iter()
        .try_for_each(|wanted| report::make_room(wanted, places));
    if let Err(error) = room {
        return Verdict::failed(format!("what was reported before is in the way: {error}"));
    }
    let mut drive = Drive::new(engine, order, places, files, output.clone());
    let verdict = tokio::select! {
        biased;
        () = &mut asked_to_end => Verdict::told_to_end(),
        verdict = run(&mut drive, (told, places), left) => verdict,
    };
    if verdict.code == TOLD_TO_END {
        drive.stop().await;
    }
    drive.clear(verdict.was_interrupted).await;
    // Files of other users have been given back by now.
    let wanted = order.report.iter().filter(|_| verdict.exit_code.is_some());
    match wanted
        .map(|wanted| report::take_in(wanted, places))
        .find_map(Result::err)
    {
        // What lies there in its place is the inspection's doing.
        Some(error) => Verdict {
            is_hindered: false,
            ..Verdict::failed(format!("the report of the inspection cannot be read: {error}"))
        },
        None => verdict,
    }
}

async fn run(
    drive: &mut Drive<'_>,
    (told, places): (&Told<'_>, &Places),
    report: &mut ContainerReport,
) -> Verdict {
    let found = drive.find_images(told.logins).await;
    report.images = drive.images_shown();
    report.fixed = drive.images_fixed();
    // Left at once: they are known even when nobody lives to leave the rest.
    verdict::leave(places, report);
    if let Err(error) = found {
        return Verdict::of_error(&error);
    }
    match drive.run().await {
        Ok((spec, exit)) => Verdict::of_exit(spec, &exit),
        Err(error) => Verdict::of_error(&error),
    }
}
