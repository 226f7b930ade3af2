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
  const model = (name) => Bokeh.documents[0] && Bokeh.documents[0].get_model_by_name(name);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !window.Bokeh) return;
    const active = inside(document);
    const writes = active && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName) && active.type !== "checkbox";
    if (writes && event.key !== "Escape") return;
    if (writes) { active.blur(); return; }
    if (boxes[event.key]) {
      const view = Bokeh.index.find_one(model(boxes[event.key]));
      if (view) { view.input_el.focus(); event.preventDefault(); }
    } else if (acts[event.key]) {
      const command = model("command");
      if (command) command.value = `${acts[event.key]}:${++number}`;
    }
  });
})();
