// Keys do what buttons do: the name of the act goes to the server in a box that is not shown.
(() => {
  const acts = { m: "merge", s: "split", u: "undo", y: "redo", r: "rename", n: "annotate", Escape: "clear" };
  const boxes = { "/": "filter", h: "highlight" };
  let number = 0;
  const inside = (node) => {
    let active = node.activeElement;
    while (active && active.shadowRoot && active.shadowRoot.activeElement)
      active = active.shadowRoot.activeElement;
    return active;
  };
  const model = (name) => window.Bokeh && Bokeh.documents[0] && Bokeh.documents[0].get_model_by_name(name);
  const writing = () => {
    const active = inside(document);
    return active && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName) && active.type !== "checkbox"
      ? active : null;
  };
  const find = (name) => { const found = model(name); return found && Bokeh.index.find_one(found); };
  const leave = (box) => {  // what was typed and not entered is given up, and no completion taken
    const view = Object.values(boxes).map(find).find((one) => one && one.input_el === box);
    if (view) { view._hide_menu(); box.value = view.model.value; }
    box.blur();
  };
  const settle = () => {
    const grids = ["addresses", "devices", "flows"].map(find);
    const texts = Object.values(boxes).map(find);
    if (grids.some((view) => !view || !view.grid) || texts.some((view) => !view)) {
      setTimeout(settle, 100);
      return;
    }
    // A table whose rows change takes the focus, and what was half typed would count.
    for (const { grid } of grids) {
      const focus = grid.focus;
      grid.focus = () => { if (!writing()) focus(); };
    }
    // Completions come from the server, after the key that asked for them.
    for (const view of texts)
      view.model.properties.completions.change.connect(() => {
        if (writing() === view.input_el) view._toggle_menu();
      });
  };
  settle();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !window.Bokeh) return;
    const box = writing();
    if (box && event.key !== "Escape") return;
    if (box) { leave(box); return; }
    if (boxes[event.key]) {
      const view = find(boxes[event.key]);
      if (view) { view.input_el.focus(); event.preventDefault(); }
    } else if (acts[event.key]) {
      const command = model("command");
      if (command) command.value = `${acts[event.key]}:${++number}`;
    }
  });
})();
