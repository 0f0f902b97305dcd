//! A plane of points: panned, zoomed, picked from, with a box or a lasso around what is to be selected.

pub mod canvas;
pub mod grid;

use std::sync::Arc;

use eframe::egui::{
    Align2, Color32, CursorIcon, FontId, Modifiers, Painter, PointerButton, Pos2, Rect, Response, Role,
    Sense, Shape, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use self::grid::Grid;
use crate::gpu::points::{Looks, PointsDraw};

/// The pointer catches what is as near as this beyond the point's edge, points of the screen.
const NEAR: f32 = 4.0;

/// Room around all points, points of the screen.
const MARGIN: f32 = 14.0;

/// How far it can be zoomed beyond what fits: single precision still tells neighbours apart.
const MOST_ZOOM: f32 = 5000.0;

/// A lasso takes a corner each time the pointer has moved so far, points of the screen.
const STEP: f32 = 3.0;

/// What dragging does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// Moves the plane.
    #[default]
    Pan,
    /// Draws a rectangle.
    Box,
    /// Draws a line around points.
    Lasso,
}

/// What is seen of the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    /// Position in the middle.
    pub centre: [f32; 2],
    /// 1 shows all points.
    pub zoom: f32,
}

impl Default for Viewport {
    fn default() -> Self {
        Self { centre: [0.0; 2], zoom: 1.0 }
    }
}

/// Positions to draw, and where each lies.
#[derive(Debug)]
pub struct Plane {
    /// Positions; the larger side of what they span is [−1, 1].
    pub positions: Arc<[[f32; 2]]>,
    /// Half of what they span, per axis.
    pub extent: [f32; 2],
    /// For picking.
    pub grid: Grid,
}

impl Plane {
    /// Moves and scales points, both axes alike, so that they fill [−1, 1].
    pub fn new(mut points: Vec<[f32; 2]>) -> Self {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for at in points.iter().filter(|at| at.iter().all(|v| v.is_finite())) {
            for axis in 0..2 {
                low[axis] = low[axis].min(at[axis]);
                high[axis] = high[axis].max(at[axis]);
            }
        }
        let is_empty = low[0] > high[0];
        let middle = [0, 1].map(|a| if is_empty { 0.0 } else { f32::midpoint(low[a], high[a]) });
        let half = [0, 1].map(|a| if is_empty { 0.0 } else { (high[a] - low[a]) / 2.0 });
        let larger = half[0].max(half[1]);
        let scale = if larger > 0.0 { 1.0 / larger } else { 1.0 };
        for at in &mut points {
            *at = [0, 1].map(|a| (at[a] - middle[a]) * scale);
        }
        let positions: Arc<[[f32; 2]]> = points.into();
        Self { extent: half.map(|h| h * scale), grid: Grid::new(Arc::clone(&positions)), positions }
    }
}

/// A polygon that is kept.
pub struct Outline<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its corners.
    pub corners: &'a [[f32; 2]],
}

/// The widget.
pub struct Scatter<'a> {
    /// Identifies the view, so that it keeps its buffers.
    pub view: u64,
    /// Name for screen readers and tests.
    pub label: &'a str,
    /// Where the points are.
    pub plane: &'a Plane,
    /// How they look.
    pub looks: &'a Arc<Looks>,
    /// Which can be picked.
    pub shown: &'a [bool],
    /// Of a point, points of the screen.
    pub radius: f32,
    /// What is seen.
    pub viewport: Viewport,
    /// What dragging does.
    pub tool: Tool,
    /// Polygons.
    pub outlines: &'a [Outline<'a>],
    /// The polygon that was drawn last.
    pub drawn: Option<&'a [[f32; 2]]>,
    /// Of the picture that egui draws into.
    pub format: wgpu::TextureFormat,
}

/// What the user did.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    /// Moved or zoomed.
    Moved(Viewport),
    /// Clicked a point.
    Clicked(u32, Modifiers),
    /// Drew around points.
    Drawn(Vec<[f32; 2]>, Modifiers),
}

/// What came of a pass.
pub struct Output {
    /// Of the whole widget.
    pub response: Response,
    /// The point under the pointer.
    pub hovered: Option<u32>,
    /// Where that is on screen.
    pub at: Pos2,
    /// What the user did.
    pub done: Option<Done>,
}

/// Where the plane lies on screen.
#[derive(Debug, Clone, Copy)]
struct Placed {
    rect: Rect,
    centre: [f32; 2],
    /// Points of the screen per unit.
    scale: f32,
}

impl Placed {
    fn new(rect: Rect, extent: [f32; 2], viewport: Viewport) -> Self {
        Self { rect, centre: viewport.centre, scale: fit(rect, extent) * viewport.zoom }
    }

    fn on_screen(&self, at: [f32; 2]) -> Pos2 {
        let off = vec2(at[0] - self.centre[0], self.centre[1] - at[1]);
        self.rect.center() + off * self.scale
    }

    fn on_plane(&self, at: Pos2) -> [f32; 2] {
        let off = (at - self.rect.center()) / self.scale;
        [self.centre[0] + off.x, self.centre[1] - off.y]
    }
}

/// Points of the screen per unit at which everything is seen.
fn fit(rect: Rect, extent: [f32; 2]) -> f32 {
    let room = (rect.size() - Vec2::splat(2.0 * MARGIN)).max(Vec2::splat(1.0)) / 2.0;
    (room.x / extent[0].max(1e-3)).min(room.y / extent[1].max(1e-3))
}

/// The viewport after a zoom by a factor that leaves what is under the pointer where it is.
fn zoomed(placed: Placed, viewport: Viewport, at: Pos2, factor: f32) -> Viewport {
    let zoom = (viewport.zoom * factor).clamp(0.2, MOST_ZOOM);
    let under = placed.on_plane(at);
    let ratio = viewport.zoom / zoom;
    Viewport { centre: [0, 1].map(|a| under[a] + (viewport.centre[a] - under[a]) * ratio), zoom }
}

impl Scatter<'_> {
    /// Shows the widget in all the room there is.
    pub fn show(&self, ui: &mut Ui) -> Output {
        let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Grid, true, self.label));
        let painter = ui.painter_at(rect);
        painter.rect_stroke(rect, 2.0, ui.visuals().widgets.noninteractive.bg_stroke, StrokeKind::Inside);
        let placed = Placed::new(rect, self.plane.extent, self.viewport);
        let mut done = None;
        if let Some(viewport) = self.navigate(ui, &response, placed) {
            done = Some(Done::Moved(viewport));
        }
        let path = self.draw_around(ui, &response, placed, &mut done);
        let pointer = response.hover_pos().filter(|_| path.is_none() && !response.dragged());
        let within = (self.radius + NEAR) / placed.scale;
        let accept = |p: u32| self.shown.get(p as usize).copied().unwrap_or(false);
        let hovered = pointer.and_then(|at| self.plane.grid.nearest(placed.on_plane(at), within, accept));
        if let Some(point) = hovered.filter(|_| response.clicked()) {
            done = Some(Done::Clicked(point, ui.input(|i| i.modifiers)));
        }
        let at = hovered.and_then(|p| self.plane.positions.get(p as usize)).map(|&at| placed.on_screen(at));
        self.paint(ui, &painter, placed, at);
        if let Some(path) = &path {
            rubber(ui, &painter, placed, path);
        }
        self.cursor(ui, &response, hovered.is_some());
        Output { response, hovered, at: at.unwrap_or_default(), done }
    }

    fn pans(&self, response: &Response) -> bool {
        response.dragged_by(PointerButton::Middle)
            || (self.tool == Tool::Pan && response.dragged_by(PointerButton::Primary))
    }

    fn navigate(&self, ui: &Ui, response: &Response, placed: Placed) -> Option<Viewport> {
        if response.double_clicked() {
            return Some(Viewport::default());
        }
        let mut viewport = self.viewport;
        if self.pans(response) {
            let shift = response.drag_delta() / placed.scale;
            // What is there must not be lost out of sight.
            let keep = |v: f32| v.clamp(-1.5, 1.5);
            viewport.centre = [keep(viewport.centre[0] - shift.x), keep(viewport.centre[1] + shift.y)];
        }
        if let Some(at) = response.hover_pos() {
            let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
            let factor = ((scroll.x + scroll.y) / 240.0).exp() * pinch;
            if (factor - 1.0).abs() > 1e-4 {
                viewport = zoomed(placed, viewport, at, factor);
            }
        }
        (viewport != self.viewport).then_some(viewport)
    }

    /// Follows a box or a lasso; gives its corners while it is being drawn.
    fn draw_around(
        &self,
        ui: &Ui,
        response: &Response,
        placed: Placed,
        done: &mut Option<Done>,
    ) -> Option<Vec<[f32; 2]>> {
        let id = response.id.with("path");
        let kept = || ui.data(|d| d.get_temp::<Vec<[f32; 2]>>(id));
        if self.tool != Tool::Pan
            && response.drag_started_by(PointerButton::Primary)
            && let Some(press) = ui.input(|i| i.pointer.press_origin())
        {
            ui.data_mut(|d| d.insert_temp(id, vec![placed.on_plane(press)]));
        }
        let mut path = kept()?;
        if ui.input(|i| i.key_pressed(eframe::egui::Key::Escape)) || self.tool == Tool::Pan {
            ui.data_mut(|d| d.remove::<Vec<[f32; 2]>>(id));
            return None;
        }
        if let Some(at) = response.interact_pointer_pos() {
            let far = path.last().is_none_or(|last| placed.on_screen(*last).distance(at) >= STEP);
            if self.tool == Tool::Lasso && far {
                path.push(placed.on_plane(at));
                ui.data_mut(|d| d.insert_temp(id, path.clone()));
            }
            if self.tool == Tool::Box {
                let ([x, y], [u, v]) = (path[0], placed.on_plane(at));
                path = vec![[x, y], [u, y], [u, v], [x, v]];
                if response.drag_stopped() {
                    ui.data_mut(|d| d.remove::<Vec<[f32; 2]>>(id));
                }
            }
        }
        if response.drag_stopped() || !response.dragged() {
            ui.data_mut(|d| d.remove::<Vec<[f32; 2]>>(id));
            if path.len() > 2 {
                *done = Some(Done::Drawn(path, ui.input(|i| i.modifiers)));
            }
            return None;
        }
        Some(path)
    }

    fn paint(&self, ui: &Ui, painter: &Painter, placed: Placed, hovered: Option<Pos2>) {
        let outline = if ui.visuals().dark_mode { Color32::WHITE } else { Color32::BLACK };
        let [red, green, blue, _] = outline.to_array();
        canvas::paint(
            painter,
            placed.rect,
            PointsDraw {
                view: self.view,
                // Known once the scale of the screen is.
                corner: [0.0; 2],
                size: [1.0; 2],
                centre: placed.centre,
                scale: placed.scale,
                radius: self.radius,
                outline: [red, green, blue],
                positions: Arc::clone(&self.plane.positions),
                looks: Arc::clone(self.looks),
            },
            self.format,
        );
        let accent = ui.visuals().selection.stroke.color;
        for Outline { name, corners } in self.outlines {
            let points: Vec<Pos2> = corners.iter().map(|&at| placed.on_screen(at)).collect();
            let top = points.iter().copied().min_by(|a, b| a.y.total_cmp(&b.y));
            painter.add(Shape::closed_line(points, Stroke::new(1.5, accent)));
            if let Some(top) = top {
                label(ui, painter, top, name);
            }
        }
        if let Some(drawn) = self.drawn {
            let mut points: Vec<Pos2> = drawn.iter().map(|&at| placed.on_screen(at)).collect();
            points.extend(points.first().copied());
            painter.extend(Shape::dashed_line(&points, Stroke::new(1.0, accent), 5.0, 4.0));
        }
        if let Some(at) = hovered {
            painter.circle_stroke(at, self.radius + 3.5, Stroke::new(1.8, outline));
        }
    }

    fn cursor(&self, ui: &Ui, response: &Response, on_point: bool) {
        if !response.hovered() && !response.dragged() {
            return;
        }
        let icon = match self.tool {
            _ if self.pans(response) => CursorIcon::Grabbing,
            _ if on_point => CursorIcon::PointingHand,
            Tool::Pan => CursorIcon::Grab,
            Tool::Box | Tool::Lasso => CursorIcon::Crosshair,
        };
        ui.ctx().set_cursor_icon(icon);
    }
}

/// A name above a corner, on ground that sets it off from points.
fn label(ui: &Ui, painter: &Painter, at: Pos2, name: &str) {
    let text = super::overlay::shorten(name, 32);
    let color = ui.visuals().selection.stroke.color;
    let galley = painter.layout_no_wrap(text, FontId::proportional(11.5), color);
    let inside = painter.clip_rect().shrink(4.0);
    let corner = Align2::CENTER_BOTTOM.anchor_size(at - vec2(0.0, 3.0), galley.size()).min;
    let most = (inside.max - galley.size()).max(inside.min);
    let corner = pos2(corner.x.clamp(inside.min.x, most.x), corner.y.clamp(inside.min.y, most.y));
    let ground = Rect::from_min_size(corner, galley.size()).expand2(vec2(4.0, 1.0));
    painter.rect_filled(ground, 3.0, ui.visuals().panel_fill.gamma_multiply(0.85));
    painter.galley(corner, galley, color);
}

/// What is being drawn.
fn rubber(ui: &Ui, painter: &Painter, placed: Placed, path: &[[f32; 2]]) {
    let points: Vec<Pos2> = path.iter().map(|&at| placed.on_screen(at)).collect();
    let stroke = Stroke::new(1.5, ui.visuals().selection.stroke.color);
    painter.add(Shape::closed_line(points, stroke));
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECT: Rect = Rect { min: pos2(100.0, 50.0), max: pos2(500.0, 350.0) };

    #[test]
    fn a_plane_fills_the_unit_square_and_keeps_its_shape() {
        let plane = Plane::new(vec![[10.0, 5.0], [30.0, 5.0], [20.0, 10.0], [f32::NAN, 0.0]]);
        assert_eq!(plane.positions[..3], [[-1.0, -0.25], [1.0, -0.25], [0.0, 0.25]]);
        assert_eq!(plane.extent, [1.0, 0.25]);
        assert_eq!(Plane::new(vec![[3.0, 3.0]]).positions[..], [[0.0, 0.0]]);
        assert!(Plane::new(Vec::new()).positions.is_empty());
    }

    #[test]
    fn everything_fits_and_upwards_is_up() {
        let placed = Placed::new(RECT, [1.0, 0.25], Viewport::default());
        assert_eq!(placed.on_screen([-1.0, 0.0]), pos2(100.0 + MARGIN, 200.0));
        assert!(placed.on_screen([0.0, 0.25]).y < placed.on_screen([0.0, -0.25]).y);
        let tall = Placed::new(RECT, [0.25, 1.0], Viewport::default());
        assert_eq!(tall.on_screen([0.0, 1.0]), pos2(300.0, 50.0 + MARGIN));
    }

    #[test]
    fn zooming_leaves_what_is_under_the_pointer_where_it_is() {
        let mut viewport = Viewport { centre: [0.2, -0.1], zoom: 2.0 };
        let at = pos2(160.0, 320.0);
        let before = Placed::new(RECT, [1.0; 2], viewport).on_plane(at);
        for factor in [1.7, 0.3, 50.0] {
            viewport = zoomed(Placed::new(RECT, [1.0; 2], viewport), viewport, at, factor);
            let after = Placed::new(RECT, [1.0; 2], viewport).on_plane(at);
            assert!((0..2).all(|a| (before[a] - after[a]).abs() < 1e-4), "{before:?} {after:?}");
        }
        let far = zoomed(Placed::new(RECT, [1.0; 2], viewport), viewport, at, 1e9);
        assert_eq!(far.zoom, MOST_ZOOM);
    }
}
