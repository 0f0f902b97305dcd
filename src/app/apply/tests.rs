//! What comes late, comes twice, or does not come at all.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use polars::prelude::df;
use serde_json::{Value, json};

use super::*;
use crate::analysis::hits::Options;
use crate::app::answers::Source;
use crate::app::forms::export::ExportForm;
use crate::app::forms::{Closing, Waiting};
use crate::app::jobs::OpenedExperiment;
use crate::app::recipes::Applying;
use crate::app::settings::Settings;
use crate::app::{Setup, hits, recipes};
use crate::experiment::project::Project;
use crate::experiment::{EmbeddingTable, Experiment, Table};
use crate::video::edits::{Edits, sidecar_path};
use crate::video::lut::{self, LutName};
use crate::video::{Limits, Plane, Reader, Recording, SampleType, Series, Shape, VideoError};

fn studio() -> Studio {
    let setup = Setup {
        gpu: None,
        format: wgpu::TextureFormat::Rgba8Unorm,
        settings: Settings::default(),
        config_dir: None,
        addresses: Vec::new(),
        compute: None,
        profile: None,
    };
    Studio::new(&Context::default(), setup)
}

/// Takes in what jobs send until none runs.
fn settle(studio: &mut Studio) {
    let started = Instant::now();
    loop {
        studio.take_events();
        if studio.running_jobs().is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{:?}", studio.running_jobs());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn deliver(studio: &mut Studio, event: Event) {
    studio.jobs.spawn("telling", true, move |_, reply| {
        reply.send(event);
        Ok(())
    });
    settle(studio);
}

fn experiment() -> Experiment {
    let table = Table::from_frame(df!("row_id" => ["a"]).unwrap()).unwrap();
    Experiment::new("e", "/nowhere", table).unwrap()
}

/// Puts an experiment on screen, without a project.
fn open(studio: &mut Studio, experiment: &Experiment) {
    let experiment = experiment.clone();
    studio.take_experiment(OpenedExperiment { experiment, project: None, view: Value::Null, report: None });
    settle(studio);
}

fn saved(experiment: &Experiment, project: Project) -> Event {
    Event::SavedAs { id: experiment.id.clone(), project: Box::new(project), quit: false }
}

/// The id of the experiment on screen, and the revision of its table.
fn on_screen(studio: &Studio) -> (String, u64) {
    let screen = studio.state.screen.as_ref().unwrap();
    (screen.experiment().id.clone(), screen.revision())
}

/// A black picture.
fn picture(folder: &Path, name: &str) -> Recording {
    let path = folder.join(name);
    image::GrayImage::new(4, 4).save(&path).unwrap();
    Recording::open(&Address::of(path), Limits::default()).unwrap()
}

fn show(studio: &mut Studio, recording: Recording) {
    let address = recording.address.clone();
    studio.add_view(&address, recording, None, None);
    settle(studio);
}

#[test]
fn a_project_that_was_saved_late_does_not_become_that_of_another_experiment() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (experiment(), experiment());
    let mut studio = studio();
    open(&mut studio, &first);
    let path = folder.path().join("first.molclip");
    let project = Project::create(&path, &first, &Value::Null).unwrap();
    open(&mut studio, &second);
    deliver(&mut studio, saved(&first, project));
    assert!(studio.state.project.is_none() && studio.kept.autosaver.is_none());
    let again = Project::open(&path).unwrap();
    assert_eq!(again.warnings, [""; 0], "it was let go");
    assert_eq!(again.experiment.id, first.id);
    drop(again);

    let path = folder.path().join("second.molclip");
    let project = Project::create(&path, &second, &Value::Null).unwrap();
    deliver(&mut studio, saved(&second, project));
    assert_eq!(studio.state.project, Some((path, false)));
    assert!(studio.end_experiment());
}

#[test]
fn a_question_that_stays_open_throws_neither_a_saved_project_nor_another_experiment_away() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, other) = (experiment(), experiment());
    let mut studio = studio();
    open(&mut studio, &mine);
    studio.close_experiment();
    let closing = Closing::Experiment(mine.id.clone());
    assert_eq!(studio.state.dialogs.close_experiment, Some(closing.clone()));
    // Saved under a name while the question is open.
    let path = folder.path().join("mine.molclip");
    let project = Project::create(&path, &mine, &Value::Null).unwrap();
    deliver(&mut studio, saved(&mine, project));
    assert_eq!(studio.state.dialogs.close_experiment, None);
    studio.discard_experiment(&closing);
    settle(&mut studio);
    assert_eq!(on_screen(&studio).0, mine.id);
    assert!(path.exists());

    // Another one comes while a question is open.
    studio.state.dialogs.close_experiment = Some(closing.clone());
    open(&mut studio, &other);
    assert_eq!(studio.state.dialogs.close_experiment, None);
    studio.discard_experiment(&closing);
    assert_eq!(on_screen(&studio).0, other.id);
    studio.discard_experiment(&Closing::Experiment(other.id));
    settle(&mut studio);
    assert!(studio.state.screen.is_none());
    assert!(path.exists());
}

#[test]
fn what_was_asked_of_a_closed_experiment_is_not_taken_as_an_answer_about_the_next() {
    let (first, second) = (experiment(), experiment());
    let mut studio = studio();
    open(&mut studio, &first);
    let state = &mut studio.state;
    (state.recipes.tickets, state.hits.tickets, state.map.tickets) = (3, 5, 7);
    state.recipes.applying = Some(Applying { job: 0, ticket: 3 });
    state.answers.source = Some(Source::Shipped);
    open(&mut studio, &second);
    let state = &mut studio.state;
    assert_eq!((state.recipes.tickets, state.hits.tickets, state.map.tickets), (3, 5, 7));
    assert!(state.recipes.applying.is_none() && state.answers.source.is_none());

    state.recipes.applying = Some(Applying { job: 0, ticket: 4 });
    studio.take_recipes(recipes::Message::Corrected(3, Err("late".to_owned())));
    assert!(studio.state.recipes.applying.is_some() && studio.state.recipes.failed.is_none());
    studio.take_recipes(recipes::Message::Corrected(4, Err("now".to_owned())));
    assert_eq!(studio.state.recipes.failed.as_deref(), Some("now"));

    let read = |studio: &mut Studio, experiment: &Experiment| {
        let asked = hits::Asked {
            experiment: experiment.id.clone(),
            revision: 1,
            readout: hits::Readout::Column("x".to_owned()),
            options: Options::default(),
        };
        let (job, ticket, progress) = (0, 6, Arc::default());
        studio.state.hits.running = Some(hits::Running { asked: asked.clone(), job, ticket, progress });
        studio.take_hits(hits::Message { ticket, asked, read: Err(hits::Why::Stopped) });
        studio.state.hits.failed.is_some()
    };
    assert!(!read(&mut studio, &first));
    assert!(read(&mut studio, &second));
}

#[test]
fn a_part_of_a_view_that_cannot_be_read_leaves_the_others() {
    let view = json!({"look": {"thumbnail": "wide"}, "selected": ["b"], "map": {"seed": 7}});
    let read = super::project::ViewState::read(view);
    assert!(read.look.is_none());
    assert_eq!((read.selected, read.map.seed), (vec!["b".to_owned()], 7));
}

#[test]
fn a_tag_does_not_compare_features_anew_and_a_control_does() {
    let mut mine = experiment();
    let vectors = EmbeddingTable {
        row_ids: vec!["a".into()],
        dim: 1,
        values: vec![1.0],
        model_hash: "x".into(),
        features: vec!["Cells_AreaShape_Area".into()],
        ..EmbeddingTable::default()
    };
    mine.embeddings.insert("x".to_owned(), Arc::new(vectors));
    let mut studio = studio();
    open(&mut studio, &mine);
    let screen = studio.state.screen.as_mut().unwrap();
    assert!(screen.to_compare().is_some());
    assert!(screen.has_failed_to_compare(), "no job brings them");
    for (column, text, is_compared) in [("tags", "seen", false), ("control", "negative", true)] {
        let table = screen.table().set(&[0], column, text).unwrap();
        screen.set_table(table);
        assert_eq!(screen.to_compare().is_some(), is_compared, "{column}");
    }
}

#[test]
fn moved_data_are_taken_over_by_the_table_that_they_were_looked_for_and_by_no_other() {
    let (first, second) = (experiment(), experiment());
    let mut studio = studio();
    open(&mut studio, &first);
    let (_, revision) = on_screen(&studio);
    let vectors = EmbeddingTable {
        row_ids: vec!["a".into()],
        dim: 1,
        values: vec![1.0],
        model_hash: "x".into(),
        ..EmbeddingTable::default()
    };
    let screen = studio.state.screen.as_mut().unwrap();
    screen.keep_embeddings("during the search".into(), Arc::new(vectors));
    studio.moved(first.clone(), revision);
    let screen = studio.state.screen.as_ref().unwrap();
    assert!(screen.experiment().embeddings.contains_key("during the search"));
    assert_ne!(screen.revision(), revision);

    open(&mut studio, &first);
    let (_, revision) = on_screen(&studio);
    open(&mut studio, &second);
    studio.moved(first, revision);
    assert_eq!(on_screen(&studio).0, second.id, "the first table of either");
}

#[test]
fn statistics_belong_to_a_recording_and_not_to_the_place_where_it_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut studio = studio();
    show(&mut studio, picture(folder.path(), "a.png"));
    let view = &mut studio.state.views[0];
    let (id, stats) = (view.recording.id, view.stats.take().unwrap());
    deliver(&mut studio, Event::Stats(id + 1, Arc::clone(&stats)));
    assert!(studio.state.views[0].stats.is_none());
    deliver(&mut studio, Event::Stats(id, stats));
    assert!(studio.state.views[0].stats.is_some());
}

/// Three series of one black pixel.
struct Three(Vec<Series>);

impl Reader for Three {
    fn format(&self) -> &'static str {
        "three"
    }

    fn series(&self) -> &[Series] {
        &self.0
    }

    fn read_plane(&self, _series: usize, _plane: usize) -> Result<Plane, VideoError> {
        Ok(Plane { width: 1, height: 1, samples: 1, dtype: SampleType::U8, bytes: vec![0] })
    }
}

#[test]
fn the_series_that_was_asked_for_last_is_shown_whichever_comes_last() {
    let shape = Shape { t: 1, z: 1, c: 1, y: 1, x: 1, s: 1 };
    let series = Series::new("three", shape, SampleType::U8, "none");
    let recording = Recording::from_reader(&Address::of("three"), Arc::new(Three(vec![series; 3]))).unwrap();
    let sibling = |series: usize| recording.sibling(series).unwrap();
    let mut studio = studio();
    show(&mut studio, recording.clone());
    let shown = |studio: &Studio| studio.state.views[0].recording.address.series;
    let id = studio.state.views[0].id;
    studio.show_series(0, 1);
    studio.show_series(0, 2);
    studio.take_series(id, sibling(1));
    assert_eq!(shown(&studio), 0);
    studio.take_series(id, sibling(2));
    studio.take_series(id, sibling(1));
    settle(&mut studio);
    assert_eq!(shown(&studio), 2);
}

#[test]
fn recordings_of_a_selection_that_was_left_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut studio = studio();
    show(&mut studio, picture(folder.path(), "a.png"));
    let mut saved = studio.state.views[0].saved();
    saved.viewport.zoom = Some(3.0);
    studio.show_saved(vec![saved.clone()]);
    settle(&mut studio);
    assert_eq!(studio.state.views.len(), 1);
    assert_eq!(studio.state.views[0].viewport.zoom, Some(3.0), "as it was shown last");
    studio.show_saved(vec![saved]);
    studio.show_only(Vec::new());
    settle(&mut studio);
    assert!(studio.state.views.is_empty());
}

#[test]
fn a_look_up_table_that_is_gone_is_grey_only_where_it_was_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut studio = studio();
    for name in ["a.png", "b.png"] {
        show(&mut studio, picture(folder.path(), name));
    }
    let path = folder.path().join("gone.lut");
    let name = LutName::File(path.clone());
    let green = lut::table(&LutName::Green, None).unwrap();
    studio.state.views[0].luts.put(&path, Arc::clone(&green));
    studio.reading_luts.insert(path.clone(), 0);
    studio.take_lut(&path, Err(lut::load(&path).unwrap_err()), None);
    assert!(studio.reading_luts.is_empty());
    let of = |view: usize| studio.state.views[view].luts.get(&name, None);
    assert_eq!(of(0), green);
    assert!(studio.state.views[1].luts.has(&name), "or it would be read in every pass");
    assert_eq!(of(1), lut::table(&LutName::Grays, None).unwrap());
}

#[test]
fn nothing_waits_for_a_job_that_has_ended_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut studio = studio();
    show(&mut studio, picture(folder.path(), "a.png"));
    let gone = studio.jobs.spawn("failing", true, |_, _| anyhow::bail!("it failed"));
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let running = studio.jobs.spawn("working", true, move |_, _| Ok(gate.recv()?));
    while studio.running_jobs().len() > 1 {
        studio.take_events();
        std::thread::sleep(Duration::from_millis(1));
    }
    let path = folder.path().join("gone.lut");
    for (job, is_left) in [(running, true), (gone, false)] {
        let waiting = |what: &str| Some(Waiting { job, what: what.to_owned() });
        let state = &mut studio.state;
        let (speed, overlays) = (state.clock.speed, state.settings.overlays);
        let form = ExportForm::new(&state.views[0], 0, Kind::Png, speed, overlays);
        let form = ExportForm { path: "a".into(), looking: waiting("a"), ..form };
        state.dialogs.export = Some(form);
        state.dialogs.path_box = Some(PathBox { checking: waiting("b"), ..PathBox::default() });
        state.views[0].scanning = Some(job);
        studio.reading_luts.insert(path.clone(), job);
        studio.follow_jobs();
        let state = &studio.state;
        assert_eq!(state.views[0].scanning.is_some(), is_left);
        let form = state.dialogs.export.as_ref().unwrap();
        assert_eq!((form.looking.is_some(), form.replaces()), (is_left, !is_left));
        let path_box = state.dialogs.path_box.as_ref().unwrap();
        assert_eq!((path_box.checking.is_some(), path_box.error.is_none()), (is_left, is_left));
        assert_eq!(studio.reading_luts.contains_key(&path), is_left);
        assert_eq!(studio.state.views[0].luts.has(&LutName::File(path.clone())), !is_left);
    }
    go.send(()).unwrap();
    settle(&mut studio);
}

#[test]
fn edits_that_wait_are_written_when_the_program_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut studio = studio();
    let mut recording = picture(folder.path(), "a.png");
    let sidecar = sidecar_path(recording.path());
    recording.set_edits(Edits { pixel_size_um: Some(0.5), ..Edits::default() });
    studio.edits.put(Arc::new(recording));
    studio.end();
    assert!(sidecar.exists());
}
