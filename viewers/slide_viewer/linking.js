// Viewers that move together: the same step in micrometres and the same magnification, from wherever each one stood when
// they were linked. So two slides that were laid beside each other by hand stay so.

const groups = (window.__prospectorLinked ??= new Map()); // name -> Set of Link

export class Link {
  /** read(): { x, y, scale } (centre in the slide's unit, units a screen pixel) or null; write(place). */
  constructor(name, { read, write }) {
    Object.assign(this, { name, read, write, last: null, on: false, busy: false });
  }

  join() {
    if (!groups.has(this.name)) groups.set(this.name, new Set());
    groups.get(this.name).add(this);
    this.on = true;
    this.last = this.read();
  }

  leave() {
    groups.get(this.name)?.delete(this);
    this.on = false;
  }

  others() {
    return [...(groups.get(this.name) ?? [])].filter((link) => link !== this);
  }

  /** This view has moved: so do the others. */
  moved() {
    const now = this.read();
    const before = this.last;
    this.last = now;
    if (!this.on || this.busy || !now || !before) return;
    if (now.x === before.x && now.y === before.y && now.scale === before.scale) return;
    for (const other of this.others()) other.follow(now.x - before.x, now.y - before.y, now.scale / before.scale);
  }

  follow(dx, dy, factor) {
    const here = this.read();
    if (!here) return;
    this.busy = true; // what follows is no movement of its own
    this.write({ x: here.x + dx, y: here.y + dy, scale: here.scale * factor });
    this.last = this.read();
    this.busy = false;
  }

  /** Stand where another one stands: for two views of one slide. */
  align() {
    const [other] = this.others();
    const there = other?.read();
    if (!there) return;
    this.busy = true;
    this.write(there);
    this.last = this.read();
    this.busy = false;
  }
}
