// Keys do what buttons do: the name of the act goes to the server in a box that is not shown.
(() => {
  const acts = { m: "merge", s: "split", u: "undo", y: "redo", r: "rename", n: "annotate", Escape: "clear" };
  const boxes = { "/": "filter", h: "highlight" };
  const tables = ["addresses", "devices", "flows"];
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
  // A table is one stop of the Tab key: its first part, where the keys arrive that it obeys.
  const oneStop = (table) => {
    const [first, ...others] = table.querySelectorAll("[tabindex], input");
    for (const part of others) if (part.tabIndex !== -1) part.tabIndex = -1;
    if (first.tabIndex !== 0) first.tabIndex = 0;
  };
  const inTable = () => {
    const active = inside(document);
    return tables.map(find).find((view) => view && view.grid && view.grid.getContainerNode().contains(active));
  };
  const tick = (grid, row) => {
    const ticked = grid.getSelectedRows();
    grid.setSelectedRows(ticked.includes(row) ? ticked.filter((one) => one !== row) : [...ticked, row]);
  };
  // Up and down move by rows, space and Enter tick one; sideways nothing moves, and Tab leads out.
  const moveInTable = (event) => {
    const view = event.ctrlKey || event.altKey || event.metaKey ? null : inTable();
    if (!view) return;
    const { grid } = view;
    const at = grid.getActiveCell();
    const ticks = view.model.name === "devices" && (event.key === " " || event.key === "Enter");
    if (event.key === "Tab") {
      event.stopPropagation();  // the browser's own step, not the table's to the next cell
      return;
    }
    if (ticks && at) tick(grid, at.row);
    else if (/^Arrow(Up|Down)$/.test(event.key) && !at && grid.getDataLength())
      grid.setActiveCell(grid.getSelectedRows()[0] ?? 0, 0);
    else if (!ticks && !/^(ArrowLeft|ArrowRight|Home|End)$/.test(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("keydown", moveInTable, true);
  // A click on a machine's row is about that machine alone; its box adds it to others.
  const clicked = (event, { grid, row }) => {
    const machine = grid.getDataItem(row), command = model("command");
    if (machine && command && !event.target.closest(".bk-cell-select"))
      command.value = `machine:${machine.key}:${++number}`;
  };
  const settle = () => {
    const grids = tables.map(find);
    const texts = Object.values(boxes).map(find);
    if (grids.some((view) => !view || !view.grid) || texts.some((view) => !view)) {
      setTimeout(settle, 100);
      return;
    }
    for (const { grid } of grids) {
      // A table whose rows change would take the focus from where somebody types or moves.
      grid.focus = () => {};
      const table = grid.getContainerNode();
      oneStop(table);
      const [first, last] = [table.firstElementChild, table.lastElementChild];
      last.addEventListener("focus", () => first.focus());  // the grid moves between its two ends
      new MutationObserver(() => oneStop(table)).observe(table, { childList: true, subtree: true });
    }
    find("devices").grid.onClick.subscribe(clicked);
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
