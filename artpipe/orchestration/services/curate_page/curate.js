"use strict";
(() => {
  let state = JSON.parse(document.getElementById("state").textContent);
  const words = state.words;
  const said = document.getElementById("said");
  const litter = document.getElementById("litter");

  const make = (tag, fields = {}, children = []) => {
    const element = Object.assign(document.createElement(tag), fields);
    element.append(...children);
    return element;
  };

  const ask = async (action, asked) => {
    said.textContent = action === "breed" ? words.painting : "";
    const answer = await fetch(action, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked),
    }).then((reply) => reply.json()).catch((error) => ({ error: String(error) }));
    said.textContent = answer.error ? `${words.failed} ${answer.error}` : action === "breed" ? "" : words.saved;
    if (answer.error) return null;
    state = answer;
    return answer;
  };

  const decisionOf = (work, change) => {
    const decision = { hidden: work.hidden, title: work.own, ...change };
    const place = "place" in change ? change.place : work.place;
    return place ? { ...decision, place } : decision;
  };

  const act = async (action, asked, recipe, control) => {
    if (!(await ask(action, asked))) return;
    render();
    const card = document.querySelector(`[data-model="${CSS.escape(asked.model)}"][data-recipe="${CSS.escape(recipe)}"]`);
    const focused = card && ((control && card.querySelector(`[data-control="${control}"]`)) || card);
    if (focused) { focused.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); }
  };

  const listPicked = (model) => model.works.filter((work) => work.place).sort((a, b) => a.place - b.place).map((work) => work.recipe);

  const pick = (model, work) => {
    const picked = listPicked(model);
    const recipes = work.place ? picked.filter((recipe) => recipe !== work.recipe) : [...picked, work.recipe];
    return act("order", { model: model.name, recipes }, work.recipe, "pick");
  };

  const move = (model, work, by) => {
    const recipes = listPicked(model);
    const from = recipes.indexOf(work.recipe), to = from + by;
    if (from < 0 || to < 0 || to >= recipes.length) return;
    [recipes[from], recipes[to]] = [recipes[to], recipes[from]];
    act("order", { model: model.name, recipes }, work.recipe, by < 0 ? "earlier" : "later");
  };

  const hide = (model, work) =>
    act("decide", { model: model.name, recipe: work.recipe, decision: decisionOf(work, { hidden: !work.hidden }) }, work.recipe, "hide");

  const entitle = (model, work, title) => {
    if (title.trim() === work.own) return;
    act("decide", { model: model.name, recipe: work.recipe, decision: decisionOf(work, { title: title.trim() }) }, work.recipe, "name");
  };

  const breed = async (model, work) => {
    const answer = await ask("breed", { model: model.name, near: work.seed });
    if (!answer) return;
    const cards = answer.result.map((bred) => {
      const { picture, ...rest } = bred;
      const keep = make("button", { type: "button", textContent: words.keep });
      keep.addEventListener("click", async () => {
        if (await ask("keep", { model: model.name, bred: rest })) { keep.textContent = words.kept; keep.disabled = true; render(); }
      });
      const face = make("div", { className: "face" }, [make("img", { src: picture, alt: words.near, className: "exact" })]);
      return make("li", { className: "card-of" }, [face, keep]);
    });
    litter.querySelector("ul").replaceChildren(...cards);
    litter.showModal();
  };

  const makeButton = (control, label, action, pressed) => {
    const button = make("button", { type: "button", textContent: label });
    button.dataset.control = control;
    if (pressed !== undefined) button.setAttribute("aria-pressed", String(pressed));
    button.addEventListener("click", action);
    return button;
  };

  const makeFace = (work) => {
    const parts = [];
    if (work.picture) parts.push(make("img", { src: work.picture, alt: work.title, loading: "lazy", className: work.exact ? "exact" : "" }));
    else parts.push(make("pre", { textContent: work.text || work.title }));
    return make("div", { className: "face" }, parts);
  };

  const makeCard = (model, work) => {
    const title = make("input", { type: "text", value: work.own, placeholder: work.title, maxLength: 200, ariaLabel: `${words.name}: ${work.title}` });
    title.dataset.control = "name";
    title.addEventListener("change", () => entitle(model, work, title.value));
    const actions = [makeButton("pick", work.place ? `${words.unpick} ${work.place}` : words.pick, () => pick(model, work), Boolean(work.place))];
    if (work.place) {
      for (const [control, glyph, by] of [["earlier", "\u2039", -1], ["later", "\u203a", 1]]) {
        const button = makeButton(control, glyph, () => move(model, work, by));
        button.setAttribute("aria-label", words[control]);
        actions.push(button);
      }
    }
    actions.push(makeButton("hide", work.hidden ? words.show : words.hide, () => hide(model, work), work.hidden));
    if (work.seed !== null) actions.push(makeButton("near", words.near, () => breed(model, work)));
    const card = make("li", { className: `card-of${work.place ? " picked" : ""}${work.hidden ? " hidden-one" : ""}`, tabIndex: 0 }, [
      makeFace(work),
      ...(work.sound ? [make("audio", { src: work.sound, controls: true, preload: "none" })] : []),
      title,
      make("p", { className: "recipe", textContent: work.recipe }),
      make("div", { className: "actions" }, actions),
    ]);
    card.setAttribute("aria-label", work.title);
    Object.assign(card.dataset, { model: model.name, recipe: work.recipe });
    card.addEventListener("keydown", (event) => {
      if (event.target !== card || event.ctrlKey || event.metaKey || event.altKey) return;
      const keys = {
        p: () => pick(model, work), h: () => hide(model, work), t: () => title.focus(),
        m: () => work.seed !== null && breed(model, work),
        ArrowLeft: () => (event.shiftKey ? move(model, work, -1) : card.previousElementSibling?.focus()),
        ArrowRight: () => (event.shiftKey ? move(model, work, 1) : card.nextElementSibling?.focus()),
      };
      const action = keys[event.key];
      if (action) { event.preventDefault(); action(); }
    });
    return card;
  };

  const render = () => {
    document.getElementById("waiting").replaceChildren(...state.waiting.map((line) => make("li", { textContent: line })));
    document.getElementById("models").replaceChildren(
      ...state.models.map((model) => make("a", { href: `#wall-${model.name}`, textContent: model.title })));
    const scroll = window.scrollY;
    document.getElementById("walls").replaceChildren(...state.models.map((model) =>
      make("section", { className: "wall-of", id: `wall-${model.name}` }, [
        make("h2", { textContent: model.title }),
        make("p", { className: "room", textContent: model.room }),
        make("ul", { className: "cards" }, model.works.map((work) => makeCard(model, work))),
      ])));
    window.scrollTo(0, scroll);
  };

  render();
})();
