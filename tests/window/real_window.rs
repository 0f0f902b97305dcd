//! The real binary in a real window on a virtual display: it plays, and its time stamp is that of the picture.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, ImageFormat, InputFocus, Window};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::support::{level, movie};

/// Ends the process when the test does, whichever way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A virtual display of 1280 × 800, and its name.
fn display() -> (Running, String) {
    let mut child = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("Xvfb could not be started ({e}). Install it: sudo apt install xvfb"));
    let mut number = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut number).unwrap();
    (Running(child), format!(":{}", number.trim()))
}

fn wait<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(90), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Screen {
    x: RustConnection,
    root: Window,
}

impl Screen {
    fn title(&self, window: Window) -> Option<String> {
        let utf8 = self.x.intern_atom(false, b"UTF8_STRING").ok()?.reply().ok()?.atom;
        let name = self.x.intern_atom(false, b"_NET_WM_NAME").ok()?.reply().ok()?.atom;
        let reply = self.x.get_property(false, window, name, utf8, 0, 1000).ok()?.reply().ok()?;
        String::from_utf8(reply.value).ok().filter(|t| !t.is_empty())
    }

    fn find(&self, part: &str) -> Option<Window> {
        let children = self.x.query_tree(self.root).ok()?.reply().ok()?.children;
        children.into_iter().find(|w| self.title(*w).is_some_and(|t| t.contains(part)))
    }

    /// Grey level of a point on screen.
    fn pixel(&self, x: i16, y: i16) -> u8 {
        let image =
            self.x.get_image(ImageFormat::Z_PIXMAP, self.root, x, y, 1, 1, !0).unwrap().reply().unwrap();
        image.data[1]
    }

    fn press(&self, keysym: u32) {
        let setup = self.x.setup();
        let (low, high) = (setup.min_keycode, setup.max_keycode);
        let map = self.x.get_keyboard_mapping(low, high - low + 1).unwrap().reply().unwrap();
        let per = usize::from(map.keysyms_per_keycode);
        let index =
            map.keysyms.chunks(per).position(|k| k.contains(&keysym)).expect("the keyboard has the key");
        let code = low + index as u8;
        for kind in [2, 3] {
            self.x.xtest_fake_input(kind, code, 0, self.root, 0, 0, 0).unwrap().check().unwrap();
        }
        self.x.flush().unwrap();
    }
}

/// The frame that a grey level on screen belongs to; limits run over the whole movie, frame 0 dark to frame 7 bright.
fn frame_of(pixel: u8) -> Option<usize> {
    let (dark, bright) = (f64::from(level(0)), f64::from(level(7)));
    (0..8).find(|t| {
        let expected = (f64::from(level(*t)) - dark) / (bright - dark) * 255.0;
        (expected - f64::from(pixel)).abs() < 4.0
    })
}

/// What the title says: time stamp and frame number.
fn parse(title: &str) -> (String, usize) {
    let parts: Vec<&str> = title.split(" — ").collect();
    let frame = parts[2].trim_start_matches("frame ").split(' ').next().unwrap().parse::<usize>().unwrap();
    (parts[1].to_owned(), frame - 1)
}

#[test]
fn the_real_window_plays_and_its_time_stamp_agrees_with_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = movie(folder.path(), "real.ome.tif", 1, 1, Some(2.0));
    let (_display, name) = display();
    let child = Command::new(env!("CARGO_BIN_EXE_molclip"))
        .arg(&path)
        .env("DISPLAY", &name)
        .env_remove("WAYLAND_DISPLAY")
        .env("MOLCLIP_CONFIG_DIR", folder.path().join("config"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let (x, screen) = RustConnection::connect(Some(&name)).unwrap();
    let root = x.setup().roots[screen].root;
    let screen = Screen { x, root };

    let window = wait("the window opens with the recording", || {
        assert!(running.0.try_wait().unwrap().is_none(), "the program ended");
        screen.find("real.ome.tif")
    });
    // Off the time stamp, the scale bar and any message: the upper middle of the picture.
    let (px, py) = (420, 200);
    wait("the first frame is drawn", || (frame_of(screen.pixel(px, py)) == Some(0)).then_some(()));
    screen.x.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).unwrap().check().unwrap();
    let space = 0x20;
    screen.press(space);

    let mut seen = Vec::new();
    wait("five different frames go by", || {
        if let Some(t) = frame_of(screen.pixel(px, py))
            && seen.last() != Some(&t)
        {
            seen.push(t);
        }
        (seen.iter().collect::<std::collections::BTreeSet<_>>().len() >= 5).then_some(())
    });
    let forward = seen.windows(2).filter(|w| w[1] > w[0]).count();
    assert!(forward >= seen.len() / 2, "frames run forward: {seen:?}");

    // Stopped, picture and title must come to rest on the same frame.
    screen.press(space);
    let (stamp, frame) = wait("picture and title agree", || {
        let title = screen.title(window)?;
        std::thread::sleep(Duration::from_millis(300));
        let (stamp, frame) = parse(&title);
        let still = screen.title(window)? == title;
        (still && frame_of(screen.pixel(px, py)) == Some(frame)).then_some((stamp, frame))
    });
    assert_eq!(stamp, format!("{:.1} s", frame as f64 * 2.0));

    // Asked to close, the program ends well and has kept its settings.
    let protocols = screen.x.intern_atom(false, b"WM_PROTOCOLS").unwrap().reply().unwrap().atom;
    let delete = screen.x.intern_atom(false, b"WM_DELETE_WINDOW").unwrap().reply().unwrap().atom;
    let message =
        x11rb::protocol::xproto::ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
    screen
        .x
        .send_event(false, window, x11rb::protocol::xproto::EventMask::NO_EVENT, message)
        .unwrap()
        .check()
        .unwrap();
    let status = wait("the program ends", || running.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    let settings = std::fs::read_to_string(folder.path().join("config/settings.json")).unwrap();
    assert!(settings.contains("real.ome.tif") && settings.contains("\"closed_cleanly\": true"));
}
