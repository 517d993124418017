// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {IRightsRegistry} from "../ip/IRightsRegistry.sol";
import {DigitalLink} from "./DigitalLink.sol";
import {IProductPassport} from "./IProductPassport.sol";
import {MerkleTree9162} from "./MerkleTree9162.sol";

/// @title Passports of serialised items
/// @notice Issued by root under a licence, materialised one by one, stopped by recall or seizure; nobody administers it.
contract ProductPassport is IProductPassport, IERC4906, ERC721, SignedAction {
    /// @dev One slot, then two. A GTIN has 47 bits; `number` counts issues from 1.
    struct KeptIssue {
        uint64 maker;
        uint48 gtin;
        uint64 size;
        uint40 issuedAt;
        uint32 number;
        bool stopped;
        bytes32 licence;
        bytes32 root;
    }

    /// @dev Owner and issue share a slot: a token costs 22,100 gas less than with ERC721's own mapping.
    struct KeptToken {
        address owner;
        uint32 issueNumber;
    }

    struct Stop {
        uint64 by;
        bytes32 evidence;
    }

    bytes32 private constant ISSUE_TYPEHASH =
        keccak256("Issue(bytes32 root,uint64 size,uint64 gtin,bytes32 licence,bytes cid,uint64 deadline)");
    bytes32 private constant RECALL_TYPEHASH =
        keccak256("Recall(bytes32 issueId,bytes32 item,bytes32 evidence,uint64 deadline)");

    /// @notice Who makes, holds and seizes.
    IMemberRegistry public immutable registry;
    /// @notice What may be made and brought where.
    IRightsRegistry public immutable rights;

    mapping(bytes32 issueId => KeptIssue) private _issues;
    mapping(uint32 number => bytes32 issueId) private _issueIds;
    uint32 private _issueCount;
    mapping(uint256 tokenId => KeptToken) private _tokens;
    mapping(address owner => uint256) private _held;
    /// @dev By scope (an issue, a maker or a GTIN) and item; see `_recaller`.
    mapping(bytes32 scope => mapping(bytes32 item => Stop)) private _stops;

    /// @notice Binds the passports to one registry of members and one of rights for ever.
    constructor(IMemberRegistry registry_, IRightsRegistry rights_) ERC721("TradeSeal Product Passport", "TSPP") {
        registry = registry_;
        rights = rights_;
    }

    /// @inheritdoc IProductPassport
    function issue(Issue calldata batch, address signer, bytes calldata signature)
        external
        returns (bytes32 issueId)
    {
        if (batch.root == 0) revert FieldEmpty("root");
        if (batch.cid.length == 0) revert FieldEmpty("cid");
        if (batch.size == 0) revert SizeInvalid(batch.size);
        DigitalLink.requireGtin(batch.gtin);
        bytes32 structHash = keccak256(
            abi.encode(
                ISSUE_TYPEHASH,
                batch.root,
                batch.size,
                batch.gtin,
                batch.licence,
                keccak256(batch.cid),
                batch.deadline
            )
        );
        _requireSigned(structHash, batch.deadline, signer, signature);
        uint64 maker = registry.requireRole(signer, Roles.MAKER);

        issueId = issueIdOf(maker, batch.root);
        if (_issues[issueId].size != 0) revert AlreadyIssued(issueId);
        uint32 number = ++_issueCount;
        _issues[issueId] = KeptIssue({
            maker: maker,
            gtin: uint48(batch.gtin),
            size: batch.size,
            issuedAt: uint40(block.timestamp),
            number: number,
            stopped: false,
            licence: batch.licence,
            root: batch.root
        });
        _issueIds[number] = issueId;
        rights.consume(batch.licence, maker, batch.gtin, batch.size);
        emit Issued(issueId, maker, batch.gtin, batch.root, batch.size, batch.licence, batch.cid, signer);
    }

    /// @inheritdoc IProductPassport
    function materialise(bytes32 issueId, uint64 index, string calldata serial, bytes32[] calldata proof)
        external
        returns (uint256 tokenId)
    {
        KeptIssue storage kept = _issues[issueId];
        uint64 maker = kept.maker;
        if (maker == 0) revert IssueUnknown(issueId);
        (, tokenId) = DigitalLink.item(kept.gtin, serial);
        // Leaf data is 0x02, the serial's length and the serial: no serial is another one's beginning.
        bytes32 leaf = MerkleTree9162.leafHash(bytes.concat(bytes1(0x02), bytes1(uint8(bytes(serial).length)), bytes(serial)));
        if (!MerkleTree9162.verify(leaf, index, kept.size, proof, kept.root)) {
            revert ProofInvalid(issueId, index, serial);
        }
        uint32 first = _tokens[tokenId].issueNumber;
        if (first != 0) revert AlreadyMaterialised(tokenId, _issueIds[first]);

        IMemberRegistry.Member memory holder = registry.member(maker);
        _requireMayHold(tokenId, issueId, holder, holder.account);
        _tokens[tokenId].issueNumber = kept.number;
        _mint(holder.account, tokenId);
        emit Materialised(issueId, tokenId, index, serial, holder.account);
    }

    /// @inheritdoc IProductPassport
    function recall(Recall calldata stop, address signer, bytes calldata signature) external {
        if (stop.evidence == 0) revert FieldEmpty("evidence");
        bytes32 structHash =
            keccak256(abi.encode(RECALL_TYPEHASH, stop.issueId, stop.item, stop.evidence, stop.deadline));
        _requireSigned(structHash, stop.deadline, signer, signature);
        KeptIssue storage kept = _issues[stop.issueId];
        if (kept.maker == 0) revert IssueUnknown(stop.issueId);
        (uint64 by, bool wide, bool seizure) = _recaller(stop.issueId, kept, signer);

        bytes32 scope = stop.item == 0 ? stop.issueId : wide ? _goods(kept.gtin) : _makers(by);
        Stop storage place = _stops[scope][stop.item];
        if (place.by != 0) revert AlreadyRecalled(stop.issueId, stop.item);
        place.by = by;
        place.evidence = stop.evidence;
        emit Recalled(stop.issueId, stop.item, by, stop.evidence, seizure);
        if (stop.item == 0) {
            kept.stopped = true;
            // Its tokens cannot be listed: their ids are digests.
            emit BatchMetadataUpdate(0, type(uint256).max);
        } else if (_ownerOf(uint256(stop.item)) != address(0)) {
            emit MetadataUpdate(uint256(stop.item));
        }
    }

    /// @inheritdoc IProductPassport
    function issueRecord(bytes32 issueId) external view returns (IssueRecord memory) {
        KeptIssue storage kept = _issues[issueId];
        if (kept.maker == 0) revert IssueUnknown(issueId);
        return IssueRecord({
            maker: kept.maker,
            gtin: kept.gtin,
            size: kept.size,
            issuedAt: kept.issuedAt,
            licence: kept.licence,
            root: kept.root
        });
    }

    /// @inheritdoc IProductPassport
    function issueOf(uint256 tokenId) external view returns (bytes32 issueId) {
        return _issueIds[_tokens[tokenId].issueNumber];
    }

    /// @inheritdoc IProductPassport
    function recallOf(bytes32 issueId, bytes32 item) external view returns (uint64 by, bytes32 evidence) {
        KeptIssue storage kept = _issues[issueId];
        if (kept.maker == 0) return (0, 0);
        Stop storage stop = _stops[issueId][0];
        if (stop.by == 0) stop = _stops[_goods(kept.gtin)][item];
        if (stop.by == 0) stop = _stops[_makers(kept.maker)][item];
        return (stop.by, stop.evidence);
    }

    /// @inheritdoc IProductPassport
    function itemOf(uint64 gtin, string calldata serial) external pure returns (string memory uri, uint256 tokenId) {
        DigitalLink.requireGtin(gtin);
        return DigitalLink.item(gtin, serial);
    }

    /// @inheritdoc IProductPassport
    function issueIdOf(uint64 maker, bytes32 root) public pure returns (bytes32) {
        return keccak256(abi.encode(maker, root));
    }

    /// @notice How many passports `owner` holds (ERC-721).
    function balanceOf(address owner) public view override(ERC721, IERC721) returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(address(0));
        return _held[owner];
    }

    /// @notice Interfaces of ERC-165, ERC-721 with metadata, and ERC-4906.
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        // ERC-4906 has no functions; its id is fixed by the standard's text.
        return interfaceId == bytes4(0x49064906) || super.supportsInterface(interfaceId);
    }

    /// @dev ERC721's own, on our mapping.
    function _ownerOf(uint256 tokenId) internal view override returns (address) {
        return _tokens[tokenId].owner;
    }

    /// @dev ERC721's own on our mappings, and the rules of a sale before every transfer. A mint comes from
    /// `materialise` alone, which has asked them for the maker; nothing burns.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = _ownerOf(tokenId);
        if (auth != address(0)) _checkAuthorized(from, auth, tokenId);
        if (from != address(0)) {
            uint64 gln = registry.memberOfAccount(to);
            if (gln == 0) revert HolderNotMember(to);
            _requireMayHold(tokenId, _issueIds[_tokens[tokenId].issueNumber], registry.member(gln), to);
            _approve(address(0), tokenId, address(0), false);
            _held[from] -= 1;
        }
        _held[to] += 1;
        _tokens[tokenId].owner = to;
        emit Transfer(from, to, tokenId);
    }

    /// @dev Not stopped, the holder an active member, the licence live for the holder's country.
    function _requireMayHold(
        uint256 tokenId,
        bytes32 issueId,
        IMemberRegistry.Member memory holder,
        address account
    ) private view {
        KeptIssue storage kept = _issues[issueId];
        bytes32 item = bytes32(tokenId);
        if (kept.stopped || _stops[_goods(kept.gtin)][item].by != 0 || _stops[_makers(kept.maker)][item].by != 0) {
            revert ItemRecalled(tokenId, issueId);
        }
        if (!holder.active) revert HolderNotMember(account);
        rights.checkTerritory(kept.licence, holder.country);
    }

    /// @dev The member that may stop this issue by `signer`'s key, and whether it does so as an authority. A key that
    /// its member limited to other work recalls nothing. `wide` tells what a stop of one item reaches: by licensor or
    /// authority, the item in every issue of the GTIN, which is the licensor's own; by a maker, the item in every issue
    /// of that maker, so that issuing it again does not free it, and nobody else's, as nothing here proves that the
    /// item is in the issue.
    function _recaller(bytes32 issueId, KeptIssue storage kept, address signer)
        private
        view
        returns (uint64 by, bool wide, bool seizure)
    {
        by = registry.requireRole(signer, 0);
        wide = by == rights.licenceRecord(kept.licence).licensor;
        if (wide) {
            registry.requireMember(signer, by, by == kept.maker ? Roles.BRAND_OWNER | Roles.MAKER : Roles.BRAND_OWNER);
        } else if (by == kept.maker) {
            registry.requireMember(signer, by, Roles.MAKER);
        } else {
            try registry.requireRole(signer, Roles.CUSTOMS | Roles.REGULATOR) {
                (wide, seizure) = (true, true);
            } catch {
                revert NotRecaller(issueId, by);
            }
        }
    }

    function _makers(uint64 maker) private pure returns (bytes32) {
        return bytes32((uint256(1) << 64) | maker);
    }

    function _goods(uint48 gtin) private pure returns (bytes32) {
        return bytes32((uint256(2) << 64) | gtin);
    }
}
