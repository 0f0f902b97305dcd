//! How recipes are written, and what is said of wrong ones.

use std::collections::BTreeSet;

use crate::analysis::recipe::{Recipe, RecipeError, STEPS};

#[test]
fn a_recipe_is_written_as_it_was_read() {
    for text in [
        "mad-robustize",
        "standardize:by=none,robustize:fit=all:by=Metadata_Plate",
        "mad-robustize:epsilon=0.5,select:ops=variance+missing:missing=0.1,sphere:method=zca:epsilon=1e-2",
        "tvn:by=Batch,harmony:batch=Batch+Lab:theta=1:lambda=2:sigma=.2:nclust=7:max_iter=3:seed=9",
        "combat:batch=Batch,coral:to=b 2:batch=Batch:lambda=.1,mean:by=Compound+Dose,median:by=Compound",
    ] {
        let recipe: Recipe = text.parse().unwrap();
        assert_eq!(recipe.to_string(), text);
        assert_eq!(recipe.to_string().parse::<Recipe>().unwrap(), recipe);
    }
    let spaced: Recipe = " tvn : by = Batch , mean:by=A + B ".parse().unwrap();
    assert_eq!(spaced.to_string(), "tvn:by=Batch,mean:by=A + B");
    assert_eq!(spaced.steps[0].name(), "tvn");
    assert_eq!(spaced.steps[0].options(), [("by".to_owned(), "Batch".to_owned())]);
}

#[test]
fn it_says_which_columns_it_asks_for() {
    let recipe: Recipe = "standardize,select,sphere:by=none,harmony:batch=Lab,mean:by=A+B".parse().unwrap();
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(recipe.columns(Some("Plate")), named(&["A", "B", "Lab", "Plate"]));
    assert_eq!(recipe.columns(None), named(&["A", "B", "Lab"]));
}

#[test]
fn every_step_has_a_line_and_is_read_without_options_or_says_what_it_needs() {
    for step in STEPS {
        assert!(!step.about.is_empty() && !step.keys.is_empty());
        match step.name.parse::<Recipe>() {
            Ok(recipe) => assert_eq!(recipe.to_string(), step.name),
            Err(error) => assert_eq!(
                error,
                RecipeError::NeedsColumn { step: step.name.to_owned(), key: "by" },
                "{}",
                step.name
            ),
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_what_is_near() {
    for (text, parts) in [
        ("", vec!["at least one step"]),
        (" , ", vec!["steps of a recipe", "standardize, robustize"]),
        ("standardize,", vec!["``"]),
        ("mad_robustise", vec!["`mad_robustise`", "nearest is `mad-robustize`", "harmony, combat"]),
        ("PCA", vec!["`PCA` is not known. Known are"]),
        ("sphere:methode=zca", vec!["keys of step `sphere`", "`methode`", "nearest is `method`"]),
        ("sphere:method=ZCA-corr", vec!["key `method`", "nearest is `zca-cor`", "pca-cor"]),
        ("sphere:method", vec!["`method` should be `method=VALUE`"]),
        ("sphere:epsilon=-1", vec!["key `epsilon`", "`-1` should be a number of 0 or more"]),
        ("sphere:epsilon=NaN", vec!["`NaN`"]),
        ("sphere:epsilon=inf", vec!["`inf`"]),
        ("tvn:by=a:by=b", vec!["`by` is given twice"]),
        ("tvn:by=a++b", vec!["name of a column"]),
        ("tvn:fit=none", vec!["controls, all"]),
        ("select:ops=variance+corelation", vec!["`corelation`", "nearest is `correlation`"]),
        ("select:correlation=2", vec!["from 0 to 1"]),
        ("select:by=Plate", vec!["keys of step `select`"]),
        ("harmony:nclust=0", vec!["whole number above 0"]),
        ("harmony:nclust=1.5", vec!["whole number above 0"]),
        ("harmony:lambda=0", vec!["above 0"]),
        ("harmony:seed=-1", vec!["key `seed`"]),
        ("mean", vec!["needs `by=COLUMN`"]),
    ] {
        let error = text.parse::<Recipe>().unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
