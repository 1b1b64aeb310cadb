// Shapes from the texts that page_geometry.py packs them into, to arrays that WebGL draws.
"use strict";

const decodedShape = (() => {
  const CREASE = 0.7; // cosine between faces from which on an edge stays sharp

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

  return (geometry) => (geometry.kind === "faces" ? mesh(geometry) : discs(geometry));
})();
