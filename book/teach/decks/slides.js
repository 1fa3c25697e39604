// Starts the slides: a screen's shape, or a phone's; plain scripts only, so that a file opened from a disk works too.
const narrow = matchMedia("(max-width: 600px)").matches && !/print-pdf/.test(location.search);
document.documentElement.classList.toggle("narrow", narrow);
Reveal.initialize({
  width: narrow ? Math.max(340, innerWidth) : 1280,
  height: narrow ? Math.max(560, innerHeight) : 720,
  margin: narrow ? 0.03 : 0.04,
  center: false,
  display: "flex",
  hash: true,
  slideNumber: "c/t",
  transition: "none",
  backgroundTransition: "none",
  scrollActivationWidth: 0,
  controlsTutorial: false,
  pdfSeparateFragments: false,
  pdfMaxPagesPerSlide: 1,
  plugins: [RevealNotes],
});
