// A sample and its nearest training shape, turned together; WebGL 2, nothing from outside.
"use strict";

(() => {
  const holder = document.getElementById("viewer-data");
  if (!holder) {
    return;
  }
  const data = JSON.parse(holder.textContent);
  const find = (name) => document.getElementById(`viewer-${name}`);

  const HOME = { azimuth: 35, elevation: 22, zoom: 1 }; // degrees; the direction that contact sheets are seen from
  const FAR = 3.2; // of the eye from the centre, in sides of the shape
  const CREASE = 0.7; // cosine between faces from which on an edge stays sharp
  const view = { ...HOME };

  // --- shaders ---

  const LIGHT = `
    vec3 lit(vec3 normal, vec3 colour, float edge) {
      vec3 n = normal.z < 0.0 ? -normal : normal;
      float key = max(dot(n, normalize(vec3(-0.45, 0.65, 0.62))), 0.0);
      float fill = max(dot(n, normalize(vec3(0.8, 0.1, 0.35))), 0.0);
      float sky = 0.5 + 0.5 * n.y;
      float rim = pow(1.0 - n.z, 3.0);
      vec3 shade = colour * (0.22 + 0.2 * sky + 0.62 * key + 0.16 * fill);
      return mix(shade, colour * 0.12, edge * rim);
    }`;

  const PLACE = `#version 300 es
    precision highp float;
    in vec3 place;
    in vec3 normal;
    uniform mat3 turn;
    uniform float zoom, radius, pixels;
    out vec3 seen;
    void main() {
      seen = turn * normal;
      vec3 at = turn * place;
      float depth = ${FAR.toFixed(1)} - at.z;
      float size = zoom * 1.35 * ${FAR.toFixed(1)} / depth;
      gl_Position = vec4(at.xy * size, -at.z * 0.5, 1.0);
      gl_PointSize = radius * size * pixels;
    }`;

  const FACES = `#version 300 es
    precision highp float;
    in vec3 seen;
    uniform vec3 colour;
    uniform float radius;
    out vec4 shown;
    ${LIGHT}
    void main() { shown = vec4(lit(normalize(seen), colour, 0.65), 1.0); }`;

  // A disc seen at its slant, at the depth that it has there.
  const DISCS = `#version 300 es
    precision highp float;
    in vec3 seen;
    uniform vec3 colour;
    uniform float radius;
    out vec4 shown;
    ${LIGHT}
    void main() {
      vec3 n = normalize(seen.z < 0.0 ? -seen : seen);
      vec2 at = vec2(2.0 * gl_PointCoord.x - 1.0, 1.0 - 2.0 * gl_PointCoord.y);
      float rise = -dot(at, n.xy) / max(n.z, 0.2);
      if (dot(at, at) + rise * rise > 1.0) discard;
      gl_FragDepth = gl_FragCoord.z - 0.25 * rise * radius;
      shown = vec4(lit(n, colour, 0.3), 1.0);
    }`;

  // --- shapes from text to arrays ---

  const inflated = async (text) => {
    const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  // Steps from row to row, column by column, low bytes before high ones, to rows of whole numbers.
  const unpacked = async (text, columns, size) => {
    const steps = await inflated(text);
    const plane = steps.length / size;
    const rows = plane / columns;
    const mask = size === 1 ? 0xff : 0xffff;
    const values = new Uint16Array(plane);
    for (let column = 0; column < columns; column += 1) {
      let value = 0;
      for (let row = 0; row < rows; row += 1) {
        const at = column * rows + row;
        value = (value + steps[at] + (size > 1 ? steps[plane + at] << 8 : 0)) & mask;
        values[row * columns + column] = value;
      }
    }
    return values;
  };

  const discs = async (geometry) => {
    const places = Float32Array.from(await unpacked(geometry.points, 3, 1), (share) => share / 255 - 0.5);
    const folded = await unpacked(geometry.normals, 2, 1);
    const normals = new Float32Array(places.length);
    for (let point = 0; 3 * point < places.length; point += 1) {
      const [x, y] = [folded[2 * point] / 127 - 1, folded[2 * point + 1] / 127 - 1];
      const z = 1 - Math.abs(x) - Math.abs(y);
      const under = Math.max(-z, 0); // what was folded out comes back
      normals.set([x - Math.sign(x) * under, y - Math.sign(y) * under, z], 3 * point);
    }
    return { discs: true, places, normals, count: places.length / 3, radius: geometry.radius };
  };

  const faceNormals = (vertices, faces) => {
    const normals = new Float32Array(faces.length);
    for (let face = 0; face < faces.length; face += 3) {
      const [a, b, c] = [0, 1, 2].map((corner) => 3 * faces[face + corner]);
      const u = [0, 1, 2].map((axis) => vertices[b + axis] - vertices[a + axis]);
      const v = [0, 1, 2].map((axis) => vertices[c + axis] - vertices[a + axis]);
      normals[face] = u[1] * v[2] - u[2] * v[1]; // as long as twice the face's area
      normals[face + 1] = u[2] * v[0] - u[0] * v[2];
      normals[face + 2] = u[0] * v[1] - u[1] * v[0];
    }
    return normals;
  };

  // Corners of their own for each face, so that edges can be sharp; a corner's normal is the mean of faces about it.
  const mesh = async (geometry) => {
    const vertices = Float32Array.from(await unpacked(geometry.vertices, 3, 2), (share) => share / 4095 - 0.5);
    const faces = await unpacked(geometry.faces, 3, 2);
    const own = faceNormals(vertices, faces);
    const around = Array.from({ length: vertices.length / 3 }, () => []);
    faces.forEach((vertex, corner) => around[vertex].push(3 * Math.floor(corner / 3)));
    const length = (at) => Math.hypot(own[at], own[at + 1], own[at + 2]) || 1;
    const alike = (a, b) => own[a] * own[b] + own[a + 1] * own[b + 1] + own[a + 2] * own[b + 2];
    const places = new Float32Array(3 * faces.length);
    const normals = new Float32Array(3 * faces.length);
    faces.forEach((vertex, corner) => {
      const mine = 3 * Math.floor(corner / 3);
      for (const other of around[vertex]) {
        if (alike(mine, other) >= CREASE * length(mine) * length(other)) {
          for (let axis = 0; axis < 3; axis += 1) {
            normals[3 * corner + axis] += own[other + axis];
          }
        }
      }
      places.set(vertices.subarray(3 * vertex, 3 * vertex + 3), 3 * corner);
    });
    return { discs: false, places, normals, count: faces.length, radius: 0 };
  };

  const decoded = (geometry) => (geometry.kind === "faces" ? mesh(geometry) : discs(geometry));

  // --- one canvas ---

  class Stage {
    constructor(canvas, colour) {
      this.canvas = canvas;
      this.colour = colour;
      this.gl = canvas.getContext("webgl2", { antialias: true, alpha: true, preserveDrawingBuffer: true });
      this.shape = null;
      if (this.gl) {
        this.prepare();
        canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
        canvas.addEventListener("webglcontextrestored", () => {
          this.prepare();
          this.load(this.shape);
          this.draw();
        });
      }
    }

    prepare() {
      const gl = this.gl;
      this.programs = { faces: this.program(FACES), discs: this.program(DISCS) };
      this.buffers = { places: gl.createBuffer(), normals: gl.createBuffer() };
      gl.enable(gl.DEPTH_TEST);
      gl.clearColor(0, 0, 0, 0);
    }

    program(fragments) {
      const gl = this.gl;
      const program = gl.createProgram();
      for (const [kind, source] of [[gl.VERTEX_SHADER, PLACE], [gl.FRAGMENT_SHADER, fragments]]) {
        const shader = gl.createShader(kind);
        gl.shaderSource(shader, source);
        gl.compileShader(shader);
        gl.attachShader(program, shader);
      }
      gl.bindAttribLocation(program, 0, "place");
      gl.bindAttribLocation(program, 1, "normal");
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
        throw new Error(`shader: ${gl.getProgramInfoLog(program)}`);
      }
      return program;
    }

    load(shape) {
      this.shape = shape;
      if (!shape) {
        return;
      }
      const gl = this.gl;
      for (const [place, name] of ["places", "normals"].entries()) {
        gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
        gl.bufferData(gl.ARRAY_BUFFER, shape[name], gl.STATIC_DRAW);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      }
    }

    draw() {
      const { gl, canvas, shape } = this;
      const side = Math.max(1, Math.round(canvas.clientWidth * Math.min(2, window.devicePixelRatio || 1)));
      const tall = Math.max(1, Math.round((side * canvas.clientHeight) / Math.max(1, canvas.clientWidth)));
      if (canvas.width !== side || canvas.height !== tall) {
        [canvas.width, canvas.height] = [side, tall];
      }
      const square = Math.min(side, tall);
      gl.viewport((side - square) / 2, (tall - square) / 2, square, square);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      if (!shape) {
        return;
      }
      const program = shape.discs ? this.programs.discs : this.programs.faces;
      const uniform = (name) => gl.getUniformLocation(program, name);
      gl.useProgram(program);
      gl.uniformMatrix3fv(uniform("turn"), false, turn());
      gl.uniform1f(uniform("zoom"), view.zoom);
      gl.uniform1f(uniform("radius"), shape.radius);
      gl.uniform1f(uniform("pixels"), square);
      gl.uniform3fv(uniform("colour"), this.colour);
      gl.drawArrays(shape.discs ? gl.POINTS : gl.TRIANGLES, 0, shape.count);
    }
  }

  // Column by column: right, up and towards the eye as rows.
  const turn = () => {
    const [a, e] = [(view.azimuth * Math.PI) / 180, (view.elevation * Math.PI) / 180];
    const [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
    return [ca, -se * sa, ce * sa, 0, ce, se, -sa, -se * ca, ce * ca];
  };

  const left = new Stage(find("left"), [0.86, 0.82, 0.76]);
  const right = new Stage(find("right"), [0.55, 0.7, 0.86]);
  if (!left.gl || !right.gl) {
    find("problem").textContent = "This browser gives no WebGL 2, so shapes cannot be turned here; the contact sheets show them.";
    find("problem").hidden = false;
    return;
  }

  // --- drawing when something changed ---

  let asked = false;
  const redraw = () => {
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        for (const stage of [left, right]) {
          stage.draw();
          stage.canvas.dataset.azimuth = view.azimuth.toFixed(1);
          stage.canvas.dataset.elevation = view.elevation.toFixed(1);
          stage.canvas.dataset.zoom = view.zoom.toFixed(2);
        }
      });
    }
  };

  const move = (azimuth, elevation, zoom = 1) => {
    view.azimuth = (view.azimuth + azimuth + 360) % 360;
    view.elevation = Math.min(90, Math.max(-90, view.elevation + elevation));
    view.zoom = Math.min(6, Math.max(0.4, view.zoom * zoom));
    redraw();
  };

  const reset = () => {
    Object.assign(view, HOME);
    redraw();
  };

  const STEPS = {
    left: () => move(15, 0),
    right: () => move(-15, 0),
    up: () => move(0, -15),
    down: () => move(0, 15),
    in: () => move(0, 0, 1.2),
    out: () => move(0, 0, 1 / 1.2),
    home: reset,
  };

  // --- choosing a sample ---

  const folder = () => data.folders[Number(find("folder").value)];

  const said = (sample) => {
    const words = [`${sample.category}: ${sample.id}`];
    if (sample.seed !== null) {
      words.push(`seed ${sample.seed}`);
    }
    return words.join(", ");
  };

  const beside = (found) => {
    if (!found) {
      return "No shape to stand beside it.";
    }
    const { caption, creator, licence } = data.twins[found.id];
    const work = [creator, licence].filter(Boolean).join(", ");
    const words = [`${found.what}: ${found.id}${caption ? `, “${caption}”` : ""}${work ? ` (${work})` : ""}.`];
    if (found.distance) {
      words.push(`CD ×10³: ${found.distance}.`);
    }
    if (typeof found.p === "number") {
      const share = `${(100 * found.p).toFixed(found.p < 0.1 ? 1 : 0)} %`;
      words.push(`As near to another training shape, or nearer, are ${share} of them${found.copy ? ": nearly a copy" : ""}.`);
    }
    return words.join(" ");
  };

  let shown = 0;
  const show = async () => {
    const sample = folder().samples[Number(find("sample").value)];
    shown += 1;
    const mine = shown;
    const twin = sample.beside && data.twins[sample.beside.id];
    const shapes = await Promise.all([decoded(sample.geometry), twin ? decoded(twin.geometry) : null]);
    if (mine !== shown) {
      return; // another was chosen meanwhile
    }
    left.load(shapes[0]);
    right.load(shapes[1]);
    find("left-words").textContent = `Sample: ${said(sample)}`;
    find("right-words").textContent = beside(sample.beside);
    find("left").setAttribute("aria-label", `3D view. Sample: ${said(sample)}`);
    find("right").setAttribute("aria-label", `3D view. ${beside(sample.beside)}`);
    find("left").dataset.sample = sample.id;
    redraw();
  };

  const fill = () => {
    const groups = new Map();
    folder().samples.forEach((sample, place) => {
      if (!groups.has(sample.category)) {
        const group = document.createElement("optgroup");
        group.label = sample.category;
        groups.set(sample.category, group);
      }
      groups.get(sample.category).append(new Option(sample.id, String(place)));
    });
    find("sample").replaceChildren(...groups.values());
    show();
  };

  const step = (by) => {
    const count = folder().samples.length;
    find("sample").value = String((Number(find("sample").value) + by + count) % count);
    show();
  };

  // --- hands ---

  const KEYS = {
    ArrowLeft: STEPS.left, ArrowRight: STEPS.right, ArrowUp: STEPS.up, ArrowDown: STEPS.down,
    "+": STEPS.in, "=": STEPS.in, "-": STEPS.out, 0: STEPS.home, PageUp: () => step(-1), PageDown: () => step(1),
  };

  const listen = (canvas) => {
    const down = new Map();
    canvas.addEventListener("keydown", (event) => {
      if (KEYS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        KEYS[event.key]();
      }
    });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, [event.clientX, event.clientY]);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = down.get(event.pointerId);
      if (!before) {
        return;
      }
      const spread = () => {
        const [a, b] = [...down.values()];
        return Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
      };
      const wide = down.size > 1 ? spread() : 0;
      down.set(event.pointerId, [event.clientX, event.clientY]);
      if (down.size > 1) {
        move(0, 0, spread() / wide);
        return;
      }
      const scale = 180 / Math.max(1, canvas.clientWidth);
      move((before[0] - event.clientX) * scale, (event.clientY - before[1]) * scale);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => down.delete(event.pointerId));
    }
    canvas.addEventListener(
      "wheel",
      (event) => {
        // A page scrolls past a view that nobody took hold of.
        if (document.activeElement === canvas || event.ctrlKey) {
          event.preventDefault();
          move(0, 0, Math.exp(-event.deltaY / 600));
        }
      },
      { passive: false },
    );
  };

  for (const stage of [left, right]) {
    listen(stage.canvas);
    new ResizeObserver(redraw).observe(stage.canvas);
  }
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", STEPS[button.dataset.view]);
  }
  find("previous").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  find("sample").addEventListener("change", show);
  find("folder").addEventListener("change", fill);
  find("spin").addEventListener("change", () => {
    let before = performance.now();
    const spin = (now) => {
      if (find("spin").checked) {
        move((now - before) * 0.03, 0);
        before = now;
        requestAnimationFrame(spin);
      }
    };
    requestAnimationFrame(spin);
  });

  find("folder").append(...data.folders.map((one, place) => new Option(one.name, String(place))));
  document.getElementById("viewer").hidden = false;
  fill();
})();
