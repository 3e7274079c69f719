//! From the images to the end of the first container, and back to nothing (semantics 4.5).
//!
//! Everything that is made carries the labels of the attempt before it does anything, so that whatever stops us, somebody
//! finds it. Nothing is ever started twice: a container of this attempt that is there already is taken up as it is (SC-07).

use std::time::{Duration, Instant};

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, StartContainerOptions, StopContainerOptions,
};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, EngineError};
use super::exchange::Places;
use super::files::SecretFiles;
use super::follow::{self, Exit};
use super::image::{Image, Means, image_of};
use super::output::Output;
use super::remains::{self, Remain};
use super::report::KeptOutput;
use super::{labels, ownership, ready, shape};
use crate::model::FixedImage;
use crate::ports::containers::{
    ContainerOrder, ContainerSpec, RegistryLogin, ReportFrom, SHUTTING_DOWN, VolumeSpec,
};
use crate::runtime::tasks::Tasks;

/// How long the last output of a container may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Between two looks at a container whose state passes.
const PAUSE: Duration = Duration::from_millis(50);

/// Times that remains are looked for after we were interrupted: what was on its way may still arrive.
const LOOKS_FOR_REMAINS: usize = 3;

/// A goal's containers on an engine.
pub(super) struct Drive<'a> {
    engine: Engine,
    order: &'a ContainerOrder,
    places: &'a Places,
    files: SecretFiles,
    output: Output,
    tasks: Tasks,
    /// The image of each container, those to be run first in front.
    images: Vec<Image>,
    made: Vec<Made>,
    remains: Vec<Remain>,
}

/// A container that was made.
struct Made {
    name: String,
    id: String,
    address: Option<String>,
    /// Cancelled when all of its output has been handed on.
    silent: CancellationToken,
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        engine: Engine,
        order: &'a ContainerOrder,
        places: &'a Places,
        files: SecretFiles,
        output: Output,
    ) -> Self {
        Self {
            engine,
            order,
            places,
            files,
            output,
            tasks: Tasks::new(),
            images: Vec::new(),
            made: Vec::new(),
            remains: Vec::new(),
        }
    }

    /// All containers, in the order in which they start: the first of the goal last, when its services are there.
    fn specs(&self) -> Vec<&'a ContainerSpec> {
        let order = self.order;
        let services = order.containers.iter().skip(1);
        let first = order.containers.first();
        order
            .init_containers
            .iter()
            .chain(services)
            .chain(first)
            .collect()
    }

    /// Has or fetches every image before anything is made, with these logins.
    ///
    /// # Errors
    /// One is not to be had.
    pub(super) async fn find_images(&mut self, logins: &[RegistryLogin]) -> Result<(), EngineError> {
        for spec in self.specs() {
            let output = self.output.clone();
            let means = Means {
                fixed: self.order.fixed.iter().find(|fixed| fixed.name == spec.image),
                login: logins
                    .iter()
                    .find(|login| login.image == spec.image)
                    .map(|login| &login.login),
            };
            let image = image_of(&self.engine, spec, &means, &mut |text| output.say(text)).await?;
            self.output.say(&format!("{}: {}", spec.name, image.shown));
            image.check_arguments_of(spec)?;
            self.images.push(image);
        }
        Ok(())
    }

    /// Each container's name and image, as far as they are known.
    pub(super) fn images_shown(&self) -> Vec<(String, String)> {
        let names = self.specs().into_iter().map(|spec| spec.name.clone());
        names
            .zip(self.images.iter().map(|image| image.shown.clone()))
            .collect()
    }

    /// What each of them was by its name.
    pub(super) fn images_fixed(&self) -> Vec<FixedImage> {
        let specs = self.specs();
        let fixed = specs.iter().zip(&self.images).map(|(spec, image)| FixedImage {
            name: spec.image.clone(),
            id: image.id.clone(),
            shown: image.shown.clone(),
        });
        fixed.collect()
    }

    /// Runs the containers until the first one has ended; how, and which one decided.
    ///
    /// # Errors
    /// Something could not be made or started, or the engine is gone.
    pub(super) async fn run(&mut self) -> Result<(&'a ContainerSpec, Exit), EngineError> {
        self.output.phase("starting up");
        self.make_surroundings().await?;
        let specs = self.specs();
        let last = specs.len().saturating_sub(1);
        for (index, spec) in specs.into_iter().enumerate() {
            let is_before = index < self.order.init_containers.len();
            if index == last && !is_before {
                self.wait_for_services(spec).await?;
            }
            let made = self.start(spec, index, is_before || index == last).await?;
            if !is_before && index != last {
                continue;
            }
            let exit = self.end_of(made).await?;
            if exit.code != 0 || index == last {
                return Ok((spec, exit));
            }
        }
        Err(EngineError::Refused {
            doing: "run the goal".to_owned(),
            words: "No containers defined".to_owned(),
            status: 0,
        })
    }

    /// Waits for those services that say when they are there, unless the first container has been started before.
    async fn wait_for_services(&self, first: &ContainerSpec) -> Result<(), EngineError> {
        let services = self.order.containers.iter().skip(1);
        let waited_for: Vec<(&ContainerSpec, &str)> = services
            .filter(|service| service.options.ready.is_some())
            .filter_map(|service| {
                let made = self.made.iter().find(|made| made.name == service.name)?;
                Some((service, made.id.as_str()))
            })
            .collect();
        let name = shape::full_name(&self.order.belonging, &first.name);
        if waited_for.is_empty() || self.taken_up(&name).await.is_some() {
            return Ok(());
        }
        for (service, id) in waited_for {
            self.output.phase(&format!("waiting for {}", service.name));
            ready::wait_for(&self.engine, id, service).await?;
        }
        Ok(())
    }

    async fn make_surroundings(&mut self) -> Result<(), EngineError> {
        if let Some(name) = shape::network_name(self.order) {
            let request = shape::network(self.order, name);
            let making = self.engine.docker.create_network(request);
            let made = self.engine.work("make the network of the goal", making).await;
            let id = match made {
                Err(error) if error.is_conflict() => name.to_owned(),
                made => made?.id,
            };
            self.remains.push(Remain::Network(id));
        }
        for VolumeSpec { name, .. } in self
            .order
            .volumes
            .iter()
            .filter(|volume| volume.host_path.is_none())
        {
            let request = shape::volume(&self.order.belonging, name);
            let making = self.engine.docker.create_volume(request);
            let made = self.engine.work("make a volume of the goal", making).await?;
            self.remains.push(Remain::Volume(made.name));
        }
        Ok(())
    }

    /// Makes a container and starts it, unless this attempt has done so before. Returns its place in `made`.
    async fn start(
        &mut self,
        spec: &ContainerSpec,
        index: usize,
        is_at_home: bool,
    ) -> Result<usize, EngineError> {
        let doing = format!("start container `{}`", spec.name);
        let (id, standing) = self.make(spec, index, is_at_home).await?;
        self.remains.insert(0, Remain::Container(id.clone()));
        let silent = match standing {
            Standing::Ended => ended(),
            Standing::New | Standing::Running => self.listen(spec, &doing, &id).await?,
        };
        // Noted before it is started: whoever interrupts us from here on can ask it to end.
        let place = self.made.len();
        self.made.push(Made {
            name: spec.name.clone(),
            id: id.clone(),
            address: None,
            silent,
        });
        self.output.phase(&format!("running {}", spec.name));
        if standing == Standing::New {
            self.begin(&doing, &id).await?;
        }
        self.made[place].address = self.address_of(&id, spec).await;
        Ok(place)
    }

    /// Starts a container that has not run, and makes sure of it: an engine that is still connecting us to its output may say
    /// yes and start nothing. One that has begun is never started again.
    async fn begin(&self, doing: &str, id: &str) -> Result<(), EngineError> {
        let begun = Instant::now();
        loop {
            let starting = self
                .engine
                .docker
                .start_container(id, None::<StartContainerOptions>);
            self.engine.work(doing, starting).await?;
            if !self.is_still_new(id).await {
                return Ok(());
            }
            if begun.elapsed() >= self.engine.patience {
                return Err(EngineError::Refused {
                    doing: doing.to_owned(),
                    words: "the engine says that it was started, and it was not".to_owned(),
                    status: 0,
                });
            }
        }
    }

    /// Whether a container has not begun, seen twice with a pause between. Where the answer has no meaning it has.
    async fn is_still_new(&self, id: &str) -> bool {
        for _ in 0..2 {
            let status = self.inspect(id).await.ok().and_then(|found| found.state?.status);
            if status != Some(ContainerStateStatusEnum::CREATED) {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    async fn make(
        &self,
        spec: &ContainerSpec,
        index: usize,
        is_at_home: bool,
    ) -> Result<(String, Standing), EngineError> {
        let neighbours: Vec<(String, String)> = self
            .made
            .iter()
            .filter_map(|made| Some((made.name.clone(), made.address.clone()?)))
            .collect();
        let files = self.files.of(&spec.name);
        let setting = shape::Setting {
            order: self.order,
            places: self.places,
            image: &self.images[index].id,
            neighbours: &neighbours,
            files: &files,
            limits_processes: self.engine.limits_processes,
            is_at_home,
        };
        let name = shape::full_name(&self.order.belonging, &spec.name);
        let options = CreateContainerOptions {
            name: Some(name.clone()),
            ..CreateContainerOptions::default()
        };
        let body = shape::container(spec, &setting);
        let doing = format!("make container `{}`", spec.name);
        let making = self.engine.docker.create_container(Some(options), body);
        match self.engine.work(&doing, making).await {
            Ok(made) => Ok((made.id, Standing::New)),
            Err(error) => self.taken_up(&name).await.ok_or(error),
        }
    }

    /// A container of this attempt that somebody made before us.
    async fn taken_up(&self, name: &str) -> Option<(String, Standing)> {
        let mut found = self.inspect_patiently(name).await.ok()?;
        let seems_new = |found: &ContainerInspectResponse| {
            let state = found.state.as_ref();
            state.and_then(|state| state.status) == Some(ContainerStateStatusEnum::CREATED)
        };
        // Whoever made it may just have started it, and started again it would run again.
        if seems_new(&found) && !self.is_still_new(name).await {
            found = self.inspect_patiently(name).await.ok()?;
        }
        let standing = match found.state?.status? {
            ContainerStateStatusEnum::CREATED => Standing::New,
            ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD => Standing::Ended,
            _ => Standing::Running,
        };
        let labels = found.config.and_then(|config| config.labels);
        let belonging = &self.order.belonging;
        let is_ours = labels::is_of_owner(labels.as_ref(), &belonging.owner)
            && labels::attempt_of(labels.as_ref()).as_ref() == Some(&belonging.attempt);
        found.id.filter(|_| is_ours).map(|id| (id, standing))
    }

    /// While a container is being started, some engines call its state by a name that has no meaning to us.
    async fn inspect_patiently(&self, id: &str) -> Result<ContainerInspectResponse, EngineError> {
        let begun = Instant::now();
        loop {
            match self.inspect(id).await {
                Err(error) if error.may_pass() && begun.elapsed() < self.engine.patience => {
                    tokio::time::sleep(PAUSE).await;
                }
                inspected => return inspected,
            }
        }
    }

    async fn inspect(&self, id: &str) -> Result<ContainerInspectResponse, EngineError> {
        let inspecting = self
            .engine
            .docker
            .inspect_container(id, None::<InspectContainerOptions>);
        self.engine.ask("look at a container", inspecting).await
    }

    /// Hands on what a container prints; the token is cancelled when that was all.
    async fn listen(
        &self,
        spec: &ContainerSpec,
        doing: &str,
        id: &str,
    ) -> Result<CancellationToken, EngineError> {
        let pieces = follow::attach(&self.engine, doing, id).await?;
        let is_service = self
            .order
            .containers
            .iter()
            .skip(1)
            .any(|service| service.name == spec.name);
        let output = self.output.of_container(is_service.then_some(spec.name.as_str()));
        let output = output.kept_in(self.kept_output_of(spec)?);
        let silent = CancellationToken::new();
        self.tasks.spawn(
            "output of a container",
            follow::hand_on(self.engine.clone(), id.to_owned(), pieces, output, silent.clone()),
        );
        Ok(silent)
    }

    /// Where the standard output of a container is kept, when it is the report of an inspection.
    fn kept_output_of(&self, spec: &ContainerSpec) -> Result<Option<KeptOutput>, EngineError> {
        let decides = self
            .order
            .containers
            .first()
            .is_some_and(|first| first.name == spec.name);
        let wanted = self
            .order
            .report
            .as_ref()
            .filter(|wanted| decides && wanted.from == ReportFrom::Output);
        let kept = wanted
            .map(|wanted| KeptOutput::new(wanted, self.places))
            .transpose();
        kept.map_err(|error| EngineError::Refused {
            doing: "keep what the inspection reports".to_owned(),
            words: error.to_string(),
            status: 0,
        })
    }

    /// The address others are told, and the ports people are. One that has ended already has neither.
    async fn address_of(&self, id: &str, spec: &ContainerSpec) -> Option<String> {
        let is_alone = self.order.containers.len() < 2;
        if is_alone && spec.ports.is_empty() {
            return None;
        }
        let network = self.inspect(id).await.ok()?.network_settings?;
        for (port, bindings) in network.ports.unwrap_or_default() {
            let chosen = bindings
                .iter()
                .flatten()
                .filter_map(|binding| binding.host_port.as_deref());
            for number in chosen {
                self.output
                    .say(&format!("{}: {port} is 127.0.0.1:{number}", spec.name));
            }
        }
        let networks = network.networks.unwrap_or_default();
        let mut addresses = networks.into_values().filter_map(|endpoint| endpoint.ip_address);
        addresses.find(|address| !address.is_empty())
    }

    async fn end_of(&self, place: usize) -> Result<Exit, EngineError> {
        let made = &self.made[place];
        let exit = follow::end_of(&self.engine, &made.id, &made.silent).await?;
        // Output that never ends by itself is not waited for.
        let _ = tokio::time::timeout(LAST_WORDS, made.silent.cancelled()).await;
        Ok(exit)
    }

    /// Asks all containers to end, and kills those that have not within the grace.
    pub(super) async fn stop(&self) {
        let grace = self.order.grace;
        let stop = |made: &'_ Made| {
            let options = StopContainerOptions {
                t: i32::try_from(grace.as_secs()).ok(),
                ..StopContainerOptions::default()
            };
            let (engine, id) = (self.engine.clone(), made.id.clone());
            async move {
                let stopping = engine.docker.stop_container(&id, Some(options));
                // One that does not stop is killed when it is removed.
                tokio::time::timeout(grace + engine.patience, stopping).await.ok();
            }
        };
        join_all(self.made.iter().map(stop)).await;
        let silent = join_all(self.made.iter().map(|made| made.silent.cancelled()));
        let _ = tokio::time::timeout(LAST_WORDS, silent).await;
    }

    /// Removes everything. After an interruption something may be there that we do not know of.
    pub(super) async fn clear(&mut self, was_interrupted: bool) {
        if !self.remains.is_empty() {
            self.output.phase(SHUTTING_DOWN);
        }
        self.give_files_back().await;
        let known = std::mem::take(&mut self.remains);
        let mut trouble = self.remove_all(&known).await;
        for _ in 0..if was_interrupted { LOOKS_FOR_REMAINS } else { 0 } {
            let belonging = &self.order.belonging;
            let found = remains::find(&self.engine, &belonging.owner).await;
            trouble = match found {
                Ok(found) => {
                    let found: Vec<Remain> = found
                        .into_iter()
                        .filter(|(attempt, _)| *attempt == belonging.attempt)
                        .map(|(_, remain)| remain)
                        .collect();
                    self.remove_all(&found).await
                }
                Err(error) => Some(error),
            };
        }
        if let Some(error) = trouble {
            self.output.say(&format!(
                "not everything could be removed, it will be tried again later: {error}"
            ));
        }
    }

    /// Containers first and at once, then what they used. The last trouble there was.
    async fn remove_all(&self, all: &[Remain]) -> Option<EngineError> {
        let (containers, others): (Vec<_>, Vec<_>) = all
            .iter()
            .partition(|remain| matches!(remain, Remain::Container(_)));
        let removed = join_all(
            containers
                .into_iter()
                .map(|remain| remains::remove(&self.engine, remain)),
        )
        .await;
        let mut trouble = removed.into_iter().find_map(Result::err);
        for remain in others {
            trouble = remains::remove(&self.engine, remain).await.err().or(trouble);
        }
        trouble
    }

    /// See [`ownership`]. What fails here is only said: the workspace will be retired.
    async fn give_files_back(&self) {
        if self.made.is_empty() || !ownership::has_strangers(self.places) {
            return;
        }
        for image in &self.images {
            if ownership::give_back(&self.engine, &self.order.belonging, self.places, &image.id).await {
                return;
            }
        }
        self.output
            .say("files that belong to another user are left: no image of the goal has `chown`");
    }
}

/// The silence of a container that has ended already.
fn ended() -> CancellationToken {
    let silent = CancellationToken::new();
    silent.cancel();
    silent
}

/// Where a container stands before we start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    Running,
    Ended,
}
