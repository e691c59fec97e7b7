"use strict";
/**
 * Moves layers of a map by dragging, pinching and the wheel.
 *
 * What is drawn is only shifted and stretched meanwhile, which costs no more for many points than for few. When it
 * was let go and has been still for a moment, `rested` is called to draw the layers anew, with the box that is now in
 * view: left, right, top and bottom in pixels of what was drawn last.
 */
function moves(ground, layers, rested) {
  const STILL = [120, 600]; // milliseconds: as many as drawing anew takes, within these
  const TURN = 0.0015; // of a wheel: the logarithm of the zoom, for a pixel
  const LINE = 20; // pixels, for wheels that count lines
  const SLIP = 3; // pixels that a click may move

  const held = new Map(); // where the fingers are, or the button was pressed
  let left = 0, top = 0, zoom = 1, slipped = 0, moving = false, timer = null, still = STILL[0];

  function place(transform) {
    for (const layer of layers()) layer.style.transform = transform;
  }

  function rest() {
    moving = false;
    const { clientWidth: wide, clientHeight: high } = ground;
    const box = [-left / zoom, (wide - left) / zoom, -top / zoom, (high - top) / zoom];
    const began = performance.now();
    [left, top, zoom] = [0, 0, 1];
    rested(box);
    place("");
    // Seen in the frame after the next.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      still = Math.min(STILL[1], Math.max(STILL[0], performance.now() - began));
    }));
  }

  /** What was at one place on the screen is at another now, and larger by a factor. */
  function shift([x, y], [toX, toY], factor) {
    left = toX - factor * (x - left);
    top = toY - factor * (y - top);
    zoom *= factor;
    moving = true;
    place(`translate(${left}px, ${top}px) scale(${zoom})`);
    restSoon();
  }

  function restSoon() {
    clearTimeout(timer);
    if (moving && !held.size) timer = setTimeout(rest, still);
  }

  function at(event) {
    const box = ground.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** The middle of all that hold the map, and how far two of them are apart. */
  function grip() {
    const all = [...held.values()], [a, b] = all;
    const middle = [0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
    return { middle, apart: b ? Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])) : 1 };
  }

  function release(event) {
    held.delete(event.pointerId);
    if (!held.size) ground.classList.remove("held");
    restSoon();
  }

  // Plotly would lay something over the page, to see where the mouse goes.
  const land = (event) => event.target.closest(".drag");
  for (const press of ["mousedown", "touchstart"]) {
    ground.addEventListener(press, (event) => land(event) && event.stopPropagation(), true);
  }
  ground.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !land(event)) return;
    if (!held.size) slipped = 0;
    held.set(event.pointerId, at(event));
  });
  ground.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) return;
    if (!event.buttons) return release(event); // it was let go elsewhere
    const before = grip();
    const [x, y] = held.get(event.pointerId), now = at(event);
    slipped += Math.hypot(now[0] - x, now[1] - y);
    held.set(event.pointerId, now);
    if (slipped < SLIP) return;
    ground.classList.add("held");
    ground.setPointerCapture(event.pointerId); // not before, or clicks would be taken away
    const after = grip();
    shift(before.middle, after.middle, after.apart / before.apart);
  });
  for (const end of ["pointerup", "pointercancel"]) ground.addEventListener(end, release);
  ground.addEventListener("wheel", (event) => {
    event.preventDefault();
    const turned = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE);
    shift(at(event), at(event), Math.exp(-TURN * turned));
  }, { passive: false });

  return { moving: () => moving };
}
