//! Recipes measured one after the other on the same rows, draws and baselines.

use std::collections::BTreeMap;

use super::CompareError;
use super::activity;
use super::corrected::{CorrectionError, applied, single};
use super::given::{Given, own_name};
use super::labels::Labels;
use super::leakage::{Asked, Leakage, NEIGHBOURS, Turn};
use super::recipes::Named;
use super::report::{Comparison, Line, Measure, Score, Transfer};
use super::retrieval::{Judge, across, by_position, mechanisms, ranked, replicates};
use super::tally::Tally;
use crate::analysis::evaluate::RESAMPLES;
use crate::analysis::items::Items;
use crate::analysis::pairs::PairsError;
use crate::analysis::ranking::{Found, chance, chance_within};
use crate::analysis::recipe::Recipe;
use crate::experiment::{EmbeddingTable, Experiment};
use crate::progress::{Cancelled, Progress};

/// With more domains, not each pair of them is reported.
const PAIRED: usize = 4;

/// What there is to do for a recipe: apply it, score activity, ask about the domain, rank.
const PHASES: u64 = 4;

/// What is compared, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The recipes; others are compared with the first.
    pub recipes: Vec<Named>,
    /// Column that tells domains apart.
    pub domain: String,
    /// Neighbours that vote on a control's domain.
    pub neighbours: usize,
    /// Draws of each null of activity.
    pub null: usize,
    /// Resamplings for an interval.
    pub resamples: usize,
    /// Seed of draws and resamplings.
    pub seed: u64,
}

impl Request {
    /// Of recipes and a domain, with what is usual.
    pub fn new(recipes: Vec<Named>, domain: impl Into<String>) -> Self {
        let domain = domain.into();
        Self { recipes, domain, neighbours: NEIGHBOURS, null: 10_000, resamples: RESAMPLES, seed: 1 }
    }
}

/// What stays the same for all recipes.
struct Ground<'a> {
    experiment: &'a Experiment,
    vectors: &'a EmbeddingTable,
    /// Table rows that have a vector, in the order of the vectors.
    rows: Vec<usize>,
    request: &'a Request,
    labels: Labels,
    asked: Result<Asked, String>,
    treated: Vec<usize>,
    /// Source and target, with what the place on the plate alone finds.
    pairs: Vec<(usize, usize, Option<f64>)>,
}

type Tallies = BTreeMap<Score, Tally>;

/// Compares recipes on the vectors of an experiment's rows. `each` gets a recipe as soon as it is measured; one that cannot
/// be applied says why, and the others go on. Steps of `progress` are parts of recipes.
///
/// # Errors
/// The domain's column is not there, no row has a vector, the user stopped it.
pub fn compare(
    experiment: &Experiment,
    vectors: &EmbeddingTable,
    request: &Request,
    progress: &Progress,
    mut each: impl FnMut(&Line),
) -> Result<Comparison, CompareError> {
    let total = request.recipes.len() as u64 * PHASES;
    progress.set(0, total);
    let domain = own_name(experiment, &request.domain)?;
    let Given { rows, .. } = Given::of(experiment, vectors);
    if rows.is_empty() {
        return Err(CompareError::Empty);
    }
    let items = Items::with_unnamed(experiment);
    let labels = Labels::read(experiment, &items, &rows, &domain);
    let treated = labels.treated();
    let domains = 0..labels.domains.len();
    let pairs: Vec<(usize, usize)> = if labels.domains.len() > PAIRED {
        Vec::new()
    } else {
        domains.clone().flat_map(|source| domains.clone().map(move |target| (source, target))).collect()
    };
    let place = |from| by_position(&labels, &treated, &across(&labels, from), progress);
    let pairs = pairs.into_iter().map(|pair| Ok::<_, Cancelled>((pair.0, pair.1, place(Some(pair))?)));
    let pairs = pairs.collect::<Result<Vec<_>, Cancelled>>()?;
    let mut comparison = Comparison {
        domains: labels.domains.clone(),
        rows: rows.len(),
        controls: labels.control.iter().filter(|control| **control).count(),
        plates: if labels.has_plates() { labels.plates.len() } else { 0 },
        null: request.null,
        resamples: request.resamples,
        seed: request.seed,
        simulated: rows.iter().any(|&row| experiment.is_simulated(row)),
        position: place(None)?,
        notes: notes(experiment, rows.len(), vectors),
        recipes: Vec::new(),
        domain,
    };
    let asked = Asked::of(&labels);
    if let Ok(Asked { lone, .. }) = &asked
        && !lone.is_empty()
    {
        let lone = lone.join(", ");
        comparison
            .notes
            .push(format!("Controls of {lone} are on one plate each, and take no part in leakage."));
    }
    if let Ok(Asked { half, .. }) = &asked {
        let text = if half.is_some() {
            "Leakage: recipes are fitted on half of each plate's controls, and the other half is asked about; then the other way round."
        } else {
            "A plate has fewer than four controls: leakage is asked of the very controls that recipes are fitted on, which makes it \
             look lower than it is for other rows."
        };
        comparison.notes.push(text.to_owned());
    }
    let ground = Ground { experiment, vectors, rows, request, labels, asked, treated, pairs };
    let mut first: Option<Tallies> = None;
    for (place, named) in request.recipes.iter().enumerate() {
        let (line, tallies) = ground.line(named, first.as_ref(), progress)?;
        each(&line);
        comparison.recipes.push(line);
        // Without it nothing is compared: the next one is no substitute.
        if place == 0 {
            first = tallies;
        }
        progress.set((place as u64 + 1) * PHASES, total);
    }
    Ok(comparison)
}

fn notes(experiment: &Experiment, rows: usize, vectors: &EmbeddingTable) -> Vec<String> {
    let mut notes = Vec::new();
    let excluded = experiment.table.excluded_count();
    if excluded > 0 {
        notes.push(format!("{excluded} rows are excluded in the table, and take no part."));
    }
    let lacking = experiment.table.len().saturating_sub(excluded + rows);
    if lacking > 0 {
        notes.push(format!("{lacking} rows have no vector, and take no part."));
    }
    if !vectors.recipe.is_empty() {
        notes.push(format!("The vectors as they are were corrected before: {}.", vectors.recipe));
    }
    notes
}

impl Ground<'_> {
    fn line(
        &self,
        named: &Named,
        first: Option<&Tallies>,
        progress: &Progress,
    ) -> Result<(Line, Option<Tallies>), CompareError> {
        progress.check()?;
        let mut line = Line {
            name: named.name.clone(),
            steps: named.steps.clone(),
            why: None,
            features: None,
            scores: BTreeMap::new(),
            leakage: Leakage::unknown(self.request.neighbours),
            transfers: Vec::new(),
            notes: Vec::new(),
        };
        let made = named.recipe().map_err(CorrectionError::from).and_then(|recipe| {
            let (dim, values) = self.made(recipe.as_ref(), self.labels.control.clone())?;
            Ok((recipe, dim, values))
        });
        progress.check()?;
        progress.add(1);
        let (recipe, dim, values) = match made {
            Ok(made) => made,
            Err(error) => {
                line.why = Some(error.to_string());
                return Ok((line, None));
            }
        };
        line.features = Some(dim);
        let mut tallies = Tallies::new();
        self.activity((&values, dim), &mut line, &mut tallies, progress)?;
        progress.add(1);
        self.leakage(recipe.as_ref(), (&values, dim), &mut line, &mut tallies, progress)?;
        progress.add(1);
        self.rankings((&values, dim), &mut line, &mut tallies, progress)?;
        let (resamples, seed) = (self.request.resamples, self.request.seed);
        for (score, tally) in &tallies {
            let other = first.and_then(|first| first.get(score));
            if let Some(measure) = line.scores.get_mut(score) {
                measure.take(tally.estimate(other, resamples, seed));
            }
        }
        Ok((line, Some(tallies)))
    }

    /// Length and numbers `[row, dim]` of the vectors by a recipe that is fitted on some controls. The double precision that
    /// recipes take lives as long as one of them.
    fn made(
        &self,
        recipe: Option<&Recipe>,
        controls: Vec<bool>,
    ) -> Result<(usize, Vec<f32>), CorrectionError> {
        let given = Given::of(self.experiment, self.vectors);
        let Some(recipe) = recipe else {
            return Ok((given.features.names.len(), single(&given.features)?));
        };
        let (names, values) = applied(self.experiment, given, controls, recipe)?;
        Ok((names.len(), values))
    }

    /// What is asked about the domain: with halves, rows that the recipe was not fitted on.
    fn turns(
        &self,
        asked: &Asked,
        recipe: Option<&Recipe>,
        (values, dim): (&[f32], usize),
    ) -> Result<Vec<Turn>, CorrectionError> {
        if asked.half.is_none() {
            return Ok(vec![asked.turn(values, dim, None)]);
        }
        let Some(recipe) = recipe else {
            // Nothing is fitted; the same halves, so that recipes compare.
            return Ok(vec![asked.turn(values, dim, Some(0)), asked.turn(values, dim, Some(1))]);
        };
        let of_half = |half: usize| -> Result<Turn, CorrectionError> {
            let (dim, values) = self.made(Some(recipe), asked.without(&self.labels.control, half))?;
            Ok(asked.turn(&values, dim, Some(half)))
        };
        [0, 1].into_iter().map(of_half).collect()
    }

    fn activity(
        &self,
        (values, dim): (&[f32], usize),
        line: &mut Line,
        tallies: &mut Tallies,
        progress: &Progress,
    ) -> Result<(), Cancelled> {
        let draws = (self.request.null, self.request.seed);
        let found =
            activity::scores(self.experiment, &self.rows, (values.to_vec(), dim), draws, &progress.part());
        let scores = match found {
            Ok(scores) => scores,
            Err(PairsError::Stopped(stopped)) => return Err(stopped),
            Err(error) => {
                for score in [Score::ActivityMap, Score::FractionActive] {
                    line.scores.insert(score, Measure::missing(error.to_string()));
                }
                return Ok(());
            }
        };
        if scores.mean_map.is_none() {
            let why = "no treatment is in several wells of plates with negative controls";
            for score in [Score::ActivityMap, Score::FractionActive] {
                line.scores.insert(score, Measure::missing(why));
            }
            return Ok(());
        }
        let n = scores.groups.iter().filter(|group| group.map.is_some()).count();
        let [map, active] = activity::tallies(&scores);
        for (score, tally, chance) in
            [(Score::ActivityMap, map, scores.mean_chance), (Score::FractionActive, active, None)]
        {
            line.scores.insert(score, Measure { chance, n, ..Measure::default() });
            tallies.insert(score, tally);
        }
        line.notes.extend(scores.notes);
        Ok(())
    }

    fn leakage(
        &self,
        recipe: Option<&Recipe>,
        (values, dim): (&[f32], usize),
        line: &mut Line,
        tallies: &mut Tallies,
        progress: &Progress,
    ) -> Result<(), Cancelled> {
        let asked = match &self.asked {
            Ok(asked) => asked,
            Err(why) => {
                line.scores.insert(Score::Leakage, Measure::missing(why.clone()));
                return Ok(());
            }
        };
        let turns = match self.turns(asked, recipe, (values, dim)) {
            Ok(turns) => turns,
            Err(error) => {
                let why = format!("it cannot be fitted on half of the controls: {error}");
                line.scores.insert(Score::Leakage, Measure::missing(why));
                return Ok(());
            }
        };
        let (leakage, tally) = asked.measure(turns, self.request.neighbours, progress)?;
        let measure = Measure { n: leakage.controls, chance: Some(asked.chance()), ..Measure::default() };
        line.scores.insert(Score::Leakage, measure);
        tallies.insert(Score::Leakage, tally);
        line.leakage = leakage;
        Ok(())
    }

    fn rankings(
        &self,
        vectors: (&[f32], usize),
        line: &mut Line,
        tallies: &mut Tallies,
        progress: &Progress,
    ) -> Result<(), Cancelled> {
        let labels = &self.labels;
        let mut questions: Vec<Judge> = vec![
            replicates(labels),
            mechanisms(labels, false),
            mechanisms(labels, true),
            across(labels, None),
        ];
        let named = questions.len();
        questions
            .extend(self.pairs.iter().map(|&(source, target, _)| across(labels, Some((source, target)))));
        let found = ranked(vectors, &self.treated, &questions, progress)?;
        let same_plate = if labels.has_plates() { "" } else { ": no plates are known" };
        for (question, score, is_map, why) in [
            (0, Score::ReplicateMap, true, format!("no treatment is on two plates{same_plate}")),
            (1, Score::NscTop1, false, "no two compounds share a mechanism".to_owned()),
            (1, Score::NscMap, true, "no two compounds share a mechanism".to_owned()),
            (
                2,
                Score::NscbTop1,
                false,
                "no two compounds of different replicates or plates share a mechanism".to_owned(),
            ),
            (
                2,
                Score::NscbMap,
                true,
                "no two compounds of different replicates or plates share a mechanism".to_owned(),
            ),
            (3, Score::Across, false, "no compound is in two domains".to_owned()),
        ] {
            let with_mechanisms = matches!(question, 1 | 2);
            let (measure, tally) = self.measured(&found[question], is_map, with_mechanisms);
            if measure.n == 0 {
                line.scores.insert(score, Measure::missing(why));
            } else {
                line.scores.insert(score, measure);
                tallies.insert(score, tally);
            }
        }
        for (&(source, target, position), found) in self.pairs.iter().zip(&found[named..]) {
            let (mut top1, tally) = self.measured(found, false, false);
            if top1.n > 0 {
                top1.take(tally.estimate(None, self.request.resamples, self.request.seed));
                let name = |domain: usize| labels.domains[domain].clone();
                line.transfers.push(Transfer { source: name(source), target: name(target), top1, position });
            }
        }
        Ok(())
    }

    /// Average precision, or whether the nearest is right, of those rows that have something to find.
    fn measured(&self, found: &[Option<Found>], is_map: bool, with_mechanisms: bool) -> (Measure, Tally) {
        let rows = self.treated.iter().zip(found);
        let asking: Vec<(usize, Found)> =
            rows.filter_map(|(&row, found)| Some((self.labels.compound[row]?, (*found)?))).collect();
        let scores = asking.iter().map(|&(compound, found)| {
            let mechanism = self.labels.mechanism[compound].filter(|_| with_mechanisms);
            let score = if is_map { found.average_precision } else { f64::from(u8::from(found.ahead == 0)) };
            (compound, mechanism, score)
        });
        let tally = Tally::of(scores);
        let blind = asking.iter().map(|(_, found)| {
            let (right, all) = (found.relevant, found.total);
            if is_map { chance(right, all) } else { chance_within(right, all, 1) }
        });
        let n = asking.len();
        let chance = (n > 0).then(|| blind.sum::<f64>() / n as f64);
        (Measure { chance, n, ..Measure::default() }, tally)
    }
}
