// A sample and its nearest training shape, turned together.
"use strict";

(() => {
  const holder = document.getElementById("viewer-data");
  if (!holder) {
    return;
  }
  const data = JSON.parse(holder.textContent);
  const find = (name) => document.getElementById(`viewer-${name}`);

  const HOME = { azimuth: 35, elevation: 22, zoom: 1 }; // degrees; the direction that contact sheets are seen from
  const view = { ...HOME };

  const left = new Stage(find("left"), [0.86, 0.82, 0.76], () => redraw());
  const right = new Stage(find("right"), [0.55, 0.7, 0.86], () => redraw());
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
          stage.draw(view);
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
    const shapes = await Promise.all([decodedShape(sample.geometry), twin ? decodedShape(twin.geometry) : null]);
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
