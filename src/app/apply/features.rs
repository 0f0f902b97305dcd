//! Features of rows beside those of their plates' controls, for plates and strips.

use std::sync::Arc;

use anyhow::Context as _;

use crate::analysis::profile::Deviations;
use crate::app::jobs::Event;
use crate::app::studio::Studio;

impl Studio {
    /// Once per pass: compares features with the controls anew where the vectors or the table have changed, one job at a time.
    pub(in crate::app) fn follow_features(&mut self) {
        let Some(screen) = &mut self.state.screen else { return };
        if screen.features_job.is_some_and(|job| self.jobs.is_running(job)) {
            return;
        }
        screen.features_job = None;
        let Some(vectors) = screen.to_compare() else { return };
        let experiment = screen.experiment().clone();
        let job = self.jobs.spawn("Comparing features with the controls", true, move |_, reply| {
            let found = Deviations::of(&experiment, &vectors, None);
            let found = found.context("no row has a vector whose numbers have names")?;
            reply.send(Event::Features(Arc::new(found)));
            Ok(())
        });
        screen.features_job = Some(job);
    }

    /// Takes in what the job found.
    pub(in crate::app) fn take_features(&mut self, features: Arc<Deviations>) {
        if let Some(screen) = &mut self.state.screen {
            screen.set_features(features);
        }
    }
}
