/* What the walkthrough (assets/walkthrough_scene.js) uses of three.js; tests/golden/make_three.py makes assets/three.js of it. */
export {
  BufferAttribute, BufferGeometry, CanvasTexture, DoubleSide, Group, LinearFilter, LinearMipmapLinearFilter,
  LinearSRGBColorSpace, Mesh, MeshBasicMaterial, PerspectiveCamera, Raycaster, RepeatWrapping, Scene, Vector2, WebGLRenderer,
} from "three";
