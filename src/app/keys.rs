//! Keys and dropped files, taken before widgets see them.

use eframe::egui::{Context, Event, Id, Key, KeyboardShortcut, Modifiers, Popup};

use super::command::Command;
use super::panels::menu;
use super::state::{AppState, Outbox};
use crate::video::Address;

/// Turns this pass's input into commands.
pub fn collect(ctx: &Context, state: &AppState, out: &mut Outbox) {
    let dropped: Vec<Address> =
        ctx.input(|i| i.raw.dropped_files.iter().map(|f| Address::of(f.path())).collect());
    if !dropped.is_empty() {
        out.send(Command::OpenAddresses(dropped));
    }
    let typing = is_typing(ctx) || state.dialogs.is_asking();
    // What is pasted outside a text field is meant for the selected rows: a column of cells, or a structure.
    if !typing && menu::enabled(&Command::AttachStructure, state) {
        let pasted = ctx.input(|i| {
            i.events.iter().find_map(|e| if let Event::Paste(text) = e { Some(text.clone()) } else { None })
        });
        if let Some(text) = pasted {
            out.send(Command::Paste(text));
        }
    }
    let mut commands: Vec<(KeyboardShortcut, Command)> =
        Command::ALL.into_iter().filter_map(|c| Some((c.describe()?.shortcut?, c))).collect();
    // Keys with more modifiers first: Shift+F is not F.
    commands.sort_by_key(|(s, _)| std::cmp::Reverse(count(s.modifiers)));
    commands.push((KeyboardShortcut::new(Modifiers::NONE, Key::Equals), Command::ZoomIn));
    for (shortcut, command) in commands {
        if typing && !shortcut.modifiers.command {
            continue;
        }
        // Undo and select all in a text field belong to the text.
        if typing && matches!(command, Command::Undo | Command::Redo | Command::SelectAllRows) {
            continue;
        }
        // Escape closes an open menu first.
        let menu_open = command == Command::ClearRoi && Popup::is_any_open(ctx);
        // One question at a time.
        let waits = state.dialogs.is_asking() && command != Command::Quit;
        if menu_open || waits || !menu::enabled(&command, state) {
            continue;
        }
        // Held keys repeat; each repeat is a step.
        let times = ctx.input_mut(|i| i.count_and_consume_key(shortcut.modifiers, shortcut.logical_key));
        let repeats = matches!(
            command,
            Command::StepBack
                | Command::StepForward
                | Command::NextRow
                | Command::PreviousRow
                | Command::NextZ
                | Command::PreviousZ
                | Command::ZoomIn
                | Command::ZoomOut
                | Command::Faster
                | Command::Slower
                | Command::Undo
                | Command::Redo
        );
        for _ in 0..if repeats { times } else { times.min(1) } {
            out.send(command.clone());
        }
    }
    if !typing {
        const DIGITS: [Key; 9] = [
            Key::Num1,
            Key::Num2,
            Key::Num3,
            Key::Num4,
            Key::Num5,
            Key::Num6,
            Key::Num7,
            Key::Num8,
            Key::Num9,
        ];
        for (channel, key) in DIGITS.into_iter().enumerate() {
            if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, key)) {
                out.send(Command::ToggleChannel(channel));
            }
        }
    }
}

/// True while a text field takes the letters. Enter takes the focus from a field, and what is typed next would be shortcuts:
/// the field gets it back until a click, Tab or Escape leaves it.
fn is_typing(ctx: &Context) -> bool {
    #[derive(Clone, Copy)]
    struct Field {
        id: Id,
        is_left: bool,
    }
    let kept = Id::unique("text field that is typed into");
    let escape = ctx.input(|i| i.key_pressed(Key::Escape));
    // egui takes the focus away when a click ends, not when it begins.
    let is_left =
        escape || ctx.input(|i| i.pointer.any_pressed() || i.pointer.any_click() || i.key_pressed(Key::Tab));
    // A field that went away with its dialog or its cell needs no letters.
    let is_there = |id: Id| ctx.read_response(id).is_some();
    let focused = ctx.memory(eframe::egui::Memory::focused);
    if let Some(id) = focused.filter(|_| ctx.text_edit_focused()) {
        if is_there(id) {
            ctx.data_mut(|data| data.insert_temp(kept, Field { id, is_left }));
            return true;
        }
        ctx.memory_mut(|memory| memory.surrender_focus(id));
    }
    let Some(field) = ctx.data(|data| data.get_temp::<Field>(kept)) else { return false };
    if field.is_left || is_left || focused.is_some() || !is_there(field.id) {
        ctx.data_mut(|data| data.remove::<Field>(kept));
        // The Escape that leaves a field does nothing else.
        return escape && !field.is_left;
    }
    ctx.memory_mut(|memory| memory.request_focus(field.id));
    // Whether the field is still there is known after this pass.
    ctx.request_repaint();
    true
}

fn count(m: Modifiers) -> u32 {
    u32::from(m.command || m.ctrl) + u32::from(m.shift) + u32::from(m.alt)
}
