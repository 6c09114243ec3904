// Measures pages inside frames: width, charts, contrast, names. Writes one JSON list into #result.
"use strict";

function channel(value) {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

function luminance([red, green, blue]) {
  return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
}

function over(front, back) {
  const alpha = front.length > 3 ? front[3] : 1;
  return [0, 1, 2].map((place) => front[place] * alpha + back[place] * (1 - alpha));
}

// Colours come as rgb(…) or, for shades, as color(srgb …) with shares.
function numbers(color) {
  const found = color.match(/[\d.]+/g).map(Number);
  return color.startsWith("color(") ? found.map((value, place) => (place < 3 ? value * 255 : value)) : found;
}

function background(view, element) {
  if (!element) return [255, 255, 255];
  const color = numbers(view.getComputedStyle(element).backgroundColor);
  const solid = color.length === 3 || color[3] === 1;
  return solid ? color : over(color, background(view, element.parentElement));
}

function contrast(view, element) {
  const style = view.getComputedStyle(element);
  const color = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
  const pair = [luminance(numbers(color)), luminance(background(view, element))];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}

function faintTexts(view, page) {
  const found = [];
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.data.trim();
    const hidden = ["title", "desc", "style"].includes(element.localName) || element.closest(".unseen, thead");
    if (words && !hidden && element.getBoundingClientRect().width > 0) {
      const value = contrast(view, element);
      if (value < 4.5) found.push([words.slice(0, 40), value]);
    }
  }
  return found;
}

function nameOf(page, svg) {
  const ids = (svg.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
  return svg.getAttribute("aria-label") || ids.map((id) => page.getElementById(id)?.textContent || "").join(" ");
}

function measure(frame) {
  const view = frame.contentWindow;
  const page = view.document;
  return {
    page: frame.dataset.page,
    width: frame.clientWidth,
    needs: page.documentElement.scrollWidth,
    title: page.title,
    headings: [...page.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.localName[1])),
    charts: [...page.querySelectorAll("svg[role=img]")].filter((svg) => svg.checkVisibility()).map((svg) => {
      const box = svg.getBoundingClientRect();
      const shapes = [...svg.querySelectorAll("path")].map((path) => path.getBoundingClientRect());
      return {
        name: nameOf(page, svg),
        width: box.width,
        height: box.height,
        drawn: shapes.some((shape) => shape.width > 0 && shape.height > 0),
        inside: shapes.every((shape) => shape.left >= box.left - 1 && shape.right <= box.right + 1),
      };
    }),
    faint: faintTexts(view, page),
    mails: [...page.querySelectorAll("iframe")].map((mail) => [mail.title, mail.clientWidth, mail.clientHeight]),
  };
}

window.addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.getElementById("result").textContent = JSON.stringify(frames.map(measure));
});
