"""What any page of the project must be: as wide as the screen, nothing cut off, all of it legible."""

from __future__ import annotations

WIDTHS = (320, 360, 390, 600, 768, 1024, 1280, 1920)

# What is wider than the screen, by tag and class; rounding may cost a pixel.
TOO_WIDE = """
[...document.querySelectorAll('body *')]
  .filter(one => !one.closest('.aloud, .skip'))
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(one => `${one.tagName} ${one.className}`)
"""

# Text that is cut off by its own box.
CUT_OFF = """
[...document.querySelectorAll('body *')]
  .filter(one => !one.closest('.aloud, .skip') && one.children.length === 0 && one.textContent.trim())
  .filter(one => getComputedStyle(one).display !== 'inline')
  .filter(one => one.scrollWidth > one.clientWidth + 1)
  .map(one => `${one.tagName} ${one.className}: ${one.textContent}`)
"""

# Text whose contrast with what lies behind it is below what WCAG 2.2 AA wants: 4.5, or 3 for large letters.
FAINT = """
(() => {
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = color => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1);
    return paint.getImageData(0, 0, 1, 1).data;
  };
  const light = color => {
    const [r, g, b] = [...rgba(color)].map(one => one / 255)
      .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgba(color)[3] === 255) return color;
    }
    return 'white';
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || one.closest('.aloud, .skip')) continue;
    const style = getComputedStyle(one);
    const [a, b] = [light(style.color), light(behind(one))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < (large ? 3 : 4.5)) found.push(`${one.className} ${contrast.toFixed(2)}: ${node.data}`);
  }
  return [...new Set(found)];
})()
"""
