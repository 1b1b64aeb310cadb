// A canvas with one shape in it, seen from where a view says; WebGL 2.
"use strict";

const Stage = (() => {
  const FAR = 3.2; // of the eye from the centre, in sides of the shape

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

  // Column by column: right, up and towards the eye as rows.
  const turn = (view) => {
    const [a, e] = [(view.azimuth * Math.PI) / 180, (view.elevation * Math.PI) / 180];
    const [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
    return [ca, -se * sa, ce * sa, 0, ce, se, -sa, -se * ca, ce * ca];
  };

  return class Stage {
    constructor(canvas, colour, redraw) {
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
          redraw();
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

    draw(view) {
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
      gl.uniformMatrix3fv(uniform("turn"), false, turn(view));
      gl.uniform1f(uniform("zoom"), view.zoom);
      gl.uniform1f(uniform("radius"), shape.radius);
      gl.uniform1f(uniform("pixels"), square);
      gl.uniform3fv(uniform("colour"), this.colour);
      gl.drawArrays(shape.discs ? gl.POINTS : gl.TRIANGLES, 0, shape.count);
    }
  };
})();
