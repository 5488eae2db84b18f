// What draws points and edges: WebGL2, or a plain canvas where there is none.
//
// By hand and by no library, for these reasons. regl (and regl-scatterplot, which is built on it) makes its drawing code
// with `Function(...)`, which the app's Content-Security-Policy refuses. deck.gl 9.4 runs under it, but draws a point as a
// square of its own: 200,000 points of 2 px took 6.1 s a frame where these took 0.4 s (software drawing, two cores, medians
// of five frames), and it is 2 MB.

const VERTEX = `#version 300 es
in vec3 place; in vec4 colour; uniform vec4 view; uniform vec2 depth; uniform float size; out vec4 shade;
void main() {
  gl_Position = vec4(place.xy * view.xy + view.zw, place.z * depth.x, 1.0);
  gl_PointSize = size; shade = colour;
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 shade; uniform float round; uniform vec3 rim; out vec4 pixel;
void main() {
  if (round > 0.5) {
    float far = length(gl_PointCoord - 0.5) * 2.0;
    if (far > 1.0) discard;
    float edge = round > 1.5 ? smoothstep(0.72, 0.86, far) * 0.55 : 0.0;
    pixel = vec4(mix(shade.rgb, rim, edge), shade.a);
  } else pixel = shade;
  if (pixel.a < 0.01) discard;
}`;

/** Points by the graphics card, or by what stands in for one. */
export class WebGL {
  constructor(canvas) {
    this.gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (!this.gl) throw new Error("no WebGL2");
    this.name = "WebGL2";
    const { gl } = this;
    const shader = (kind, text) => {
      const compiled = gl.createShader(kind);
      gl.shaderSource(compiled, text);
      gl.compileShader(compiled);
      if (!gl.getShaderParameter(compiled, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(compiled));
      return compiled;
    };
    this.program = gl.createProgram();
    gl.attachShader(this.program, shader(gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(this.program, shader(gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(this.program));
    gl.useProgram(this.program);
    this.at = Object.fromEntries(["view", "depth", "size", "round", "rim"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    [this.places, this.colours, this.lines] = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
    for (const [name, buffer, size, kind, norm] of [["place", this.places, 3, gl.FLOAT, false], ["colour", this.colours, 4, gl.UNSIGNED_BYTE, true]]) {
      const where = gl.getAttribLocation(this.program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(where);
      gl.vertexAttribPointer(where, size, kind, norm, 0, 0);
      this[`${name}At`] = where;
    }
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setPlaces(places) { this.fill(this.places, places); }
  setColours(colours) { this.shades = colours; this.fill(this.colours, colours); }

  fill(buffer, array, target = this.gl.ARRAY_BUFFER) {
    this.gl.bindBuffer(target, buffer);
    this.gl.bufferData(target, array, this.gl.DYNAMIC_DRAW);
  }

  setEdges(edges) {
    this.edges = edges;
    if (edges) this.fill(this.lines, edges, this.gl.ELEMENT_ARRAY_BUFFER);
  }

  draw(view, n, size, ratio, space, ink) {
    const { gl } = this;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl[space ? "enable" : "disable"](gl.DEPTH_TEST);
    gl.uniform4f(this.at.view, (2 * view.unit) / view.width, (-2 * view.unit) / view.height, (-2 * view.x * view.unit) / view.width, (2 * view.y * view.unit) / view.height);
    gl.uniform2f(this.at.depth, space ? -1 / space : 0, 0);
    gl.uniform3fv(this.at.rim, ink.map((part) => part / 255));
    if (this.edges) {
      gl.disableVertexAttribArray(this.colourAt);
      gl.vertexAttrib4f(this.colourAt, ...ink.map((part) => part / 255), size > 5 ? 0.45 : 0.22);
      gl.uniform1f(this.at.round, 0);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.lines);
      gl.drawElements(gl.LINES, this.edges.length, gl.UNSIGNED_INT, 0);
      gl.enableVertexAttribArray(this.colourAt);
    }
    gl.uniform1f(this.at.size, size * ratio);
    gl.uniform1f(this.at.round, size > 7 ? 2 : 1);
    gl.drawArrays(gl.POINTS, 0, n);
  }

  /** Milliseconds since ``began``, once all is drawn: reading a pixel waits for it. */
  finish(began) {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
    return performance.now() - began;
  }
}

/** The same where there is no WebGL2. */
export class Plain {
  constructor(canvas) {
    this.name = "canvas";
    this.context = canvas.getContext("2d");
  }

  finish(began) { return performance.now() - began; }
  setPlaces(places) { this.places = places; }
  setColours(colours) { this.shades = this.colours = colours; }
  setEdges(edges) { this.edges = edges; }

  draw(view, n, size, ratio, space, ink) {
    const { context, places, colours, edges } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const x = (i) => view.width / 2 + (places[3 * i] - view.x) * view.unit;
    const y = (i) => view.height / 2 + (places[3 * i + 1] - view.y) * view.unit;
    if (edges) {
      context.strokeStyle = `rgba(${ink},${size > 5 ? 0.45 : 0.22})`;
      context.lineWidth = 1;
      context.beginPath();
      for (let e = 0; e < edges.length; e += 2) {
        context.moveTo(x(edges[e]), y(edges[e]));
        context.lineTo(x(edges[e + 1]), y(edges[e + 1]));
      }
      context.stroke();
    }
    Object.assign(context, { strokeStyle: `rgba(${ink},0.5)`, lineWidth: 1 });
    let last = "";
    for (let i = 0; i < n; i++) {
      const [px, py] = [x(i), y(i)];
      if (px < -size || py < -size || px > view.width + size || py > view.height + size) continue;
      const colour = `rgba(${colours[4 * i]},${colours[4 * i + 1]},${colours[4 * i + 2]},${colours[4 * i + 3] / 255})`;
      if (colour !== last) context.fillStyle = last = colour;
      if (size < 5) context.fillRect(px - size / 2, py - size / 2, size, size);
      else {
        context.beginPath();
        context.arc(px, py, size / 2, 0, 2 * Math.PI);
        context.fill();
        if (size > 7 && colours[4 * i + 3] > 30) context.stroke();
      }
    }
  }
}
