// Draws the report's charts from the figures that stand in the page, in the page's own text colour,
// and again in that colour when the page turns dark, light or paper.
(() => {
  const charts = [...document.querySelectorAll("[data-figure]")];
  const ink = () => getComputedStyle(document.body).color;
  for (const chart of charts) {
    const { data, layout } = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    layout.font = { ...layout.font, color: ink(), family: getComputedStyle(document.body).fontFamily };
    Plotly.newPlot(chart, data, layout, { displayModeBar: false, responsive: true, showTips: false });
  }
  const recolour = (colour) => charts.forEach((chart) => Plotly.relayout(chart, { "font.color": colour }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolour(ink()));
  addEventListener("beforeprint", () => recolour("#000"));
  addEventListener("afterprint", () => recolour(ink()));
})();
