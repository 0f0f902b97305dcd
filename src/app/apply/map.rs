//! The map: a picture is made on a job, gates come and go.

use std::sync::Arc;

use crate::app::jobs::Event;
use crate::app::map::{Asked, Gate, Look, MapCommand, Message, Running, job};
use crate::app::panes::Pane;
use crate::app::state::Undo;
use crate::app::studio::Studio;

impl Studio {
    /// Shows the map: beside the recordings at first, so that a click on a point plays what can be seen.
    pub(in crate::app) fn show_map(&mut self) {
        let tiles = &mut self.layout.tiles;
        if tiles.find_pane(&Pane::Map).is_none()
            && let Some(tabs) = tiles.find_pane(&Pane::Viewer).and_then(|viewer| tiles.parent_of(viewer))
            && let Some(parent) = tiles.parent_of(tabs)
        {
            let pane = tiles.insert_pane(Pane::Map);
            let map = tiles.insert_tab_tile(vec![pane]);
            let both = tiles.insert_horizontal_tile(vec![tabs, map]);
            if let Some(egui_tiles::Tile::Container(egui_tiles::Container::Linear(linear))) =
                tiles.get_mut(both)
            {
                linear.shares.set_share(tabs, 0.42);
                linear.shares.set_share(map, 0.58);
            }
            let place = match tiles.get_mut(parent) {
                Some(egui_tiles::Tile::Container(egui_tiles::Container::Linear(linear))) => {
                    linear.shares.replace_with(tabs, both);
                    linear.children.iter_mut().find(|child| **child == tabs)
                }
                _ => None,
            };
            if let Some(place) = place {
                *place = both;
            } else {
                // The user has arranged panels otherwise: a tab will do.
                for tile in [both, map, pane] {
                    tiles.remove(tile);
                }
            }
        }
        self.show_pane(Pane::Map);
    }

    /// Carries out what the map's panel asks for.
    pub(in crate::app) fn apply_to_map(&mut self, command: MapCommand) {
        let map = &mut self.state.map;
        match command {
            MapCommand::Make => self.make_map(),
            MapCommand::Stop => {
                if let Some(running) = &map.running {
                    self.jobs.cancel(running.job);
                }
            }
            MapCommand::Look(look) => {
                map.look = *look;
                // What failed or was stopped may be asked for again.
                map.failed = None;
            }
            MapCommand::Tool(tool) => map.tool = tool,
            MapCommand::Viewport(viewport) => map.viewport = viewport,
            MapCommand::Drawn(corners) => map.drawn = corners,
            MapCommand::AddGate(rows) => self.add_gate(&rows),
            MapCommand::Rename(renaming) => map.renaming = renaming,
            MapCommand::Named(index, name) => {
                map.renaming = None;
                let name = name.trim();
                if !name.is_empty() && map.look.gates.get(index).is_some_and(|gate| gate.name != name) {
                    self.change_gates(|gates| name.clone_into(&mut gates[index].name));
                }
            }
            MapCommand::DeleteGate(index) => {
                map.renaming = None;
                if index < map.look.gates.len() {
                    self.change_gates(|gates| {
                        gates.remove(index);
                    });
                }
            }
        }
    }

    /// Changes the gates; the step can be taken back.
    fn change_gates(&mut self, change: impl FnOnce(&mut Vec<Gate>)) {
        let gates = &mut self.state.map.look.gates;
        let before = gates.clone();
        change(gates);
        self.push_undo(Undo::Gates(before));
    }

    fn add_gate(&mut self, rows: &[u32]) {
        let (Some(screen), map) = (&self.state.screen, &mut self.state.map) else { return };
        let (Some(corners), Some(picture)) = (map.drawn.take(), &map.shown) else { return };
        let members = rows.iter().map(|&row| screen.table().row_id(row as usize).to_owned()).collect();
        let gate =
            Gate { name: map.free_name(), corners, picture: picture.id.clone(), members: Arc::new(members) };
        self.change_gates(|gates| gates.push(gate));
    }

    fn make_map(&mut self) {
        let (Some(screen), map) = (&self.state.screen, &mut self.state.map) else { return };
        let Some(asked) = Asked::of(screen, &map.look) else { return };
        if let Some(known) = map.pictures.iter().find(|picture| picture.asked == asked) {
            let known = Arc::clone(known);
            map.show(known);
            return;
        }
        if let Some(running) = &map.running {
            if running.asked == asked {
                return;
            }
            self.jobs.cancel(running.job);
        }
        map.failed = None;
        map.tickets += 1;
        let (ticket, table, earlier) = (map.tickets, screen.table().clone(), map.pictures.clone());
        let name = format!("Map of “{}” by {}", asked.name, map.look.kind.label());
        let job_asked = asked.clone();
        let job = self.jobs.spawn(name, true, move |progress, reply| {
            let asked = job_asked;
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                job::make(&table, asked.clone(), &earlier, progress)
            }));
            let made = made.unwrap_or_else(|_| {
                Err(Some("The method failed inside. Report this as a fault, with the log.".into()))
            });
            reply.send(Event::Map(Box::new(Message { ticket, asked, made: made.map(Arc::new) })));
            Ok(())
        });
        let progress = self.jobs.running().iter().find(|running| running.id == job);
        map.running =
            progress.map(|running| Running { asked, job, ticket, progress: Arc::clone(&running.progress) });
    }

    /// Takes in what the job sent.
    pub(in crate::app) fn take_map(&mut self, message: Message) {
        let Message { ticket, asked, made } = message;
        let (screen, map) = (&self.state.screen, &mut self.state.map);
        let is_latest = map.running.take_if(|running| running.ticket == ticket).is_some();
        let Some(wanted) = screen.as_ref().and_then(|screen| Asked::of(screen, &map.look)) else { return };
        let mut kept = screen.iter().flat_map(|screen| screen.experiment().embeddings.values());
        // Or it is of an experiment that was closed meanwhile.
        let is_kept = kept.any(|kept| Arc::ptr_eq(kept, &asked.embedding));
        match made {
            Ok(picture) if wanted == asked => {
                map.failed = None;
                map.show(picture);
            }
            // Of an older choice: kept for later.
            Ok(picture) if is_kept => map.pictures.insert(0, picture),
            Err(why) if is_latest => map.failed = Some((asked, why)),
            Ok(_) | Err(_) => {}
        }
    }

    /// With another experiment, nothing of the map stays; what was asked for is counted on, so that a late picture is told.
    pub(in crate::app) fn leave_map(&mut self) {
        let left = std::mem::take(&mut self.state.map);
        self.state.map.tickets = left.tickets;
        if let Some(running) = left.running {
            self.jobs.cancel(running.job);
        }
    }

    /// Changes what the map shows (tests and other panels).
    pub fn set_map_look(&mut self, change: impl FnOnce(&mut Look)) {
        let mut look = self.state.map.look.clone();
        change(&mut look);
        self.apply_to_map(MapCommand::Look(Box::new(look)));
    }
}
