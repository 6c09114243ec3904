// Measures mails inside frames: text contrast, touch targets, width. Writes one JSON list into #result.
"use strict";

function channel(value) {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

function luminance([red, green, blue]) {
  return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
}

function numbers(color) {
  return color.match(/[\d.]+/g).map(Number);
}

function background(view, element) {
  for (let node = element; node; node = node.parentElement) {
    const color = numbers(view.getComputedStyle(node).backgroundColor);
    if (color.length === 3 || color[3] > 0) return color;
  }
  return [255, 255, 255];
}

function contrast(view, element) {
  const pair = [luminance(numbers(view.getComputedStyle(element).color)), luminance(background(view, element))];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}

function measure(frame) {
  const view = frame.contentWindow;
  const page = view.document;
  const texts = [];
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    if (walker.currentNode.data.trim() && box.width > 0 && box.height > 0) {
      texts.push({ words: walker.currentNode.data.trim().slice(0, 40), contrast: contrast(view, element) });
    }
  }
  const targets = [...page.querySelectorAll("a.button-link, a.tap, a.foot-link, a.brand")].map((link) => ({
    words: link.textContent.trim(),
    height: link.getBoundingClientRect().height,
  }));
  return {
    mail: frame.dataset.mail,
    width: frame.clientWidth,
    needs: page.documentElement.scrollWidth,
    language: page.documentElement.lang,
    texts,
    targets,
    scripts: page.scripts.length,
  };
}

window.addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.getElementById("result").textContent = JSON.stringify(frames.map(measure));
});
