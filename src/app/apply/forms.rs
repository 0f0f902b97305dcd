//! What open forms ask of the disk: jobs look, and their answers count while the form still asks the same.

use std::path::Path;

use crate::app::forms::Waiting;
use crate::app::forms::export::{ExportForm, Kind, names};
use crate::app::forms::path_box::PathBox;
use crate::app::jobs::Event;
use crate::app::studio::Studio;
use crate::experiment::import::{Limits, Mapping, Source, guess};
use crate::video::Address;

impl Studio {
    /// Opens the export form for the active view.
    pub(in crate::app) fn ask_about_export(&mut self, kind: Kind) {
        let state = &mut self.state;
        let (speed, overlays) = (state.clock.speed, state.settings.overlays);
        state.dialogs.export = state
            .views
            .get(state.active)
            .map(|view| ExportForm::new(view, state.active, kind, speed, overlays));
        self.name_export();
    }

    /// Names the export form's file after the recording; a job finds the number with which the name is free.
    pub(in crate::app) fn name_export(&mut self) {
        let state = &mut self.state;
        let Some(form) = &mut state.dialogs.export else { return };
        let Some(view) = state.views.get(form.view) else { return };
        let frame = state.timeline.frame(form.view, state.clock.tick);
        let mut names = names(form.kind, view.recording.path(), frame);
        let Some(first) = names.next() else { return };
        form.path = first.to_string_lossy().into_owned();
        let name = form.path.clone();
        self.jobs.spawn("Looking for a free name", true, move |_, reply| {
            let free =
                std::iter::once(first.clone()).chain(names).find(|path| !path.exists()).unwrap_or(first);
            reply.send(Event::FreeName(name, free.to_string_lossy().into_owned()));
            Ok(())
        });
    }

    /// Takes a free name over, unless another was typed meanwhile.
    pub(in crate::app) fn take_free_name(&mut self, name: &str, free: String) {
        if let Some(form) = self.state.dialogs.export.as_mut().filter(|form| form.path == name) {
            form.path = free;
        }
    }

    /// Looks whether the export form's file would replace another.
    pub(in crate::app) fn see_export(&mut self) {
        let Some(form) = self.state.dialogs.export.as_mut().filter(|form| form.is_unseen()) else { return };
        let what = form.path.trim().to_owned();
        let path = what.clone();
        let job = self.jobs.spawn("Looking for an existing file", true, move |_, reply| {
            let there = Path::new(&path).exists();
            reply.send(Event::Seen(path, there));
            Ok(())
        });
        form.looking = Some(Waiting { job, what });
    }

    pub(in crate::app) fn take_seen(&mut self, path: String, there: bool) {
        if let Some(form) = &mut self.state.dialogs.export
            && form.looking.take_if(|looking| looking.what == path).is_some()
        {
            form.seen = Some((path, there));
        }
    }

    /// Looks for what was typed into the path box.
    pub(in crate::app) fn open_typed(&mut self, text: String) {
        let Some(path_box) = &mut self.state.dialogs.path_box else { return };
        if path_box.checking.as_ref().is_some_and(|checking| checking.what == text) {
            return;
        }
        let what = text.clone();
        let job = self.jobs.spawn("Looking for a recording", true, move |_, reply| {
            let found = find(&text);
            reply.send(Event::Typed(text, found));
            Ok(())
        });
        path_box.checking = Some(Waiting { job, what });
        path_box.error = None;
    }

    /// Opens what was typed, or says in the box why that cannot be done.
    pub(in crate::app) fn take_typed(&mut self, text: &str, found: Result<Address, String>) {
        let path_box = self.state.dialogs.path_box.as_mut();
        let is_asked =
            |asking: &&mut PathBox| asking.checking.as_ref().is_some_and(|asked| asked.what == text);
        let Some(path_box) = path_box.filter(is_asked) else { return };
        match found {
            Ok(address) => {
                self.state.dialogs.path_box = None;
                self.open(vec![address]);
            }
            Err(problem) => {
                path_box.checking = None;
                path_box.error = Some(problem);
            }
        }
    }

    /// Reads another sheet of the workbook that is being imported.
    pub(in crate::app) fn read_sheet(&mut self, sheet: String) {
        let Some(form) = &mut self.state.dialogs.import else { return };
        let what = sheet.clone();
        let path = form.source.path.clone();
        let job = self.jobs.spawn("Reading a sheet", true, move |_, reply| {
            let read = Source::read_sheet(&path, Some(&sheet), &Limits::default());
            let read = read.map_err(|e| e.to_string()).map(|source| {
                let mapping = guess(&source);
                Box::new((source, mapping))
            });
            reply.send(Event::Sheet(path, sheet, read));
            Ok(())
        });
        form.reading = Some(Waiting { job, what });
    }

    /// Puts a sheet into the form, unless another was chosen meanwhile.
    pub(in crate::app) fn take_sheet(
        &mut self,
        path: &Path,
        sheet: &str,
        read: Result<Box<(Source, Mapping)>, String>,
    ) {
        let form = self.state.dialogs.import.as_mut().filter(|form| form.source.path == path);
        let Some(form) = form else { return };
        if form.reading.take_if(|reading| reading.what == sheet).is_none() {
            return;
        }
        match read {
            Ok(read) => {
                (form.source, form.mapping) = *read;
                form.error = None;
            }
            Err(problem) => form.error = Some(problem),
        }
    }
}

/// The address that a text stands for; an error where nothing is there.
fn find(text: &str) -> Result<Address, String> {
    let address = Address::parse(text)?;
    let missing = address.files().find(|file| !file.exists()).cloned();
    match missing {
        None => Ok(address),
        Some(missing) => Err(format!(
            "{} does not exist. Check the spelling, and whether the drive is connected.",
            missing.display()
        )),
    }
}
